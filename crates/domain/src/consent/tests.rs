use super::*;
use crate::testing::given;

fn granted() -> ConsentGranted {
    ConsentGranted {
        patient_id: PatientId(Uuid::from_u128(1)),
        grantee: Grantee { provider_id: Some(ProviderId(Uuid::from_u128(2))), facility_id: None },
        purposes: vec![Purpose::Treatment],
        categories: vec![DataCategory::All],
        granted_at: Instant::from_micros(1_000),
        expires_at: Some(Instant::from_micros(2_000)),
    }
}

fn grant(consent: ConsentGranted) -> ConsentCommand {
    ConsentCommand::Grant(GrantConsent { consent, themselves: vec![] })
}

fn revoke() -> ConsentCommand {
    ConsentCommand::Revoke(RevokeConsent { now: Instant::from_micros(1_500), reason: None })
}

fn revoked() -> ConsentRevoked {
    ConsentRevoked { revoked_at: Instant::from_micros(1_500), reason: None }
}

#[test]
fn a_consent_is_granted_once() {
    given::<Consent>([]).when(grant(granted())).then([granted().into()]);
    given::<Consent>([granted().into()]).when(grant(granted())).then_error(ConsentError::AlreadyGranted);
}

#[test]
fn a_consent_that_ends_before_it_begins_is_refused() {
    let ends = ConsentGranted { expires_at: Some(Instant::from_micros(1_000)), ..granted() };
    given::<Consent>([]).when(grant(ends)).then_error(ConsentError::ExpiresTooSoon);
}

#[test]
fn a_consent_names_purposes_categories_and_one_grantee() {
    given::<Consent>([]).when(grant(ConsentGranted { purposes: vec![], ..granted() })).then_error(ConsentError::NoPurpose);
    given::<Consent>([]).when(grant(ConsentGranted { categories: vec![], ..granted() })).then_error(ConsentError::NoPurpose);
    let nobody = Grantee { provider_id: None, facility_id: None };
    given::<Consent>([]).when(grant(ConsentGranted { grantee: nobody, ..granted() })).then_error(ConsentError::OneGrantee);
}

#[test]
fn nobody_lets_themselves_in() {
    let grantee = |provider: Option<u128>, facility: Option<u128>| Grantee {
        provider_id: provider.map(|id| ProviderId(Uuid::from_u128(id))),
        facility_id: facility.map(|id| FacilityId(Uuid::from_u128(id))),
    };
    let grants = |themselves: &[Grantee], to| {
        let consent = ConsentGranted { grantee: to, ..granted() };
        given::<Consent>([]).when(ConsentCommand::Grant(GrantConsent { consent, themselves: themselves.to_vec() }))
    };
    let (doctor, colleague, house) = (grantee(Some(2), None), grantee(Some(3), None), grantee(None, Some(4)));
    grants(&[doctor, house], doctor).then_error(ConsentError::ForThemselves);
    grants(&[doctor, house], house).then_error(ConsentError::ForThemselves);
    grants(&[doctor, house], colleague).then([ConsentGranted { grantee: colleague, ..granted() }.into()]);
    grants(&[], doctor).then([granted().into()]);
}

#[test]
fn revoking_twice_is_not_a_mistake_but_revoking_nothing_is() {
    given::<Consent>([granted().into()]).when(revoke()).then([revoked().into()]);
    given::<Consent>([granted().into(), revoked().into()]).when(revoke()).then([]);
    given::<Consent>([]).when(revoke()).then_error(ConsentError::NotActive);
}

#[test]
fn a_revoked_consent_is_not_revived() {
    given::<Consent>([granted().into(), revoked().into()]).when(grant(granted())).then_error(ConsentError::AlreadyGranted);
}
