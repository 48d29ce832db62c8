use anamnesis_domain::Text;
use anamnesis_domain::consent::{ConsentGranted, ConsentRevoked, Grantee};
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log};

const CONSENT: Uuid = Uuid::from_u128(0xc1);
const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn granted() -> ConsentEvent {
    ConsentGranted {
        patient_id: PatientId(PATIENT),
        grantee: Grantee { provider_id: Some(ProviderId(Uuid::from_u128(2))), facility_id: None },
        purposes: vec![Purpose::Treatment, Purpose::Ai],
        categories: vec![DataCategory::All],
        granted_at: Instant::from_micros(1_000),
        expires_at: None,
    }
    .into()
}

fn revoked() -> ConsentEvent {
    ConsentRevoked { revoked_at: Instant::from_micros(1_500), reason: Some(Text::try_from("moved away").unwrap()) }.into()
}

fn given(events: impl IntoIterator<Item = ConsentEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("consent", CONSENT, PATIENT, event))
}

#[test]
fn a_granted_consent_is_an_active_row_of_its_patient() {
    let rows = given([granted()]).rows::<Consents>();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].row.status, ConsentStatus::Active);
    assert_eq!(rows[0].row.purposes, [Purpose::Treatment, Purpose::Ai]);
    assert_eq!((rows[0].stamp.subject_id, rows[0].stamp.sequence), (PATIENT, 1));
}

#[test]
fn a_revoked_consent_stays_and_says_why() {
    let log = given([granted(), revoked()]);
    assert_eq!(log.says::<Consents>("status").as_deref(), Some("REVOKED"));
    assert_eq!(log.says::<Consents>("revocation_reason").as_deref(), Some("\"moved away\""));
    let stamp = log.rows::<Consents>()[0].stamp;
    assert_eq!((stamp.position, stamp.created_at.micros(), stamp.updated_at.micros()), (2, 1_000_000, 2_000_000));
}

#[test]
fn an_erased_patient_has_no_consents() {
    assert_eq!(given([granted(), revoked()]).erase(PATIENT).rows::<Consents>(), []);
}
