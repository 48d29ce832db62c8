//! Who consents, at this moment, to this caller's use of their data?
//!
//! A consent names a provider, or a facility and those who work there; what for; which data; how long. The answer is no
//! older than the log was when it was asked for; when that can't be had, there is none, and nothing is given.

use std::collections::BTreeSet;
use std::time::Duration;

use anamnesis_domain::access::PurposeOfUse;
use anamnesis_domain::consent::{Consent, DataCategory, Purpose};
use anamnesis_domain::provider::Provider;
use anamnesis_domain::{Aggregate as _, FacilityId, Instant, PatientId, ProviderId};
use anamnesis_projections::consents::{CONSENTS, ConsentRow, ConsentStatus};
use anamnesis_projector::query::{Order, Query};
use tokio::time::sleep;
use uuid::Uuid;

use crate::App;
use crate::edge::{After, Call, May, Problem, may, of_command};

/// A consent that was just committed is in the log after some milliseconds.
const LOOK_AGAIN_IN: Duration = Duration::from_millis(10);
/// Consents read at once.
const ROWS_AT_ONCE: usize = 1_000;

/// What the patients that were asked about consent to.
#[derive(Default)]
pub(super) struct Consents {
    rows: Vec<ConsentRow>,
    /// As whom the caller may be named.
    grantee: Option<Grantee>,
}

struct Grantee {
    provider: ProviderId,
    facilities: BTreeSet<FacilityId>,
    purpose: Purpose,
    now: Instant,
}

impl Consents {
    /// Whether the patient consents to that part of their data being used.
    pub(super) fn cover(&self, patient: PatientId, category: DataCategory) -> bool {
        let Some(grantee) = &self.grantee else { return false };
        self.rows.iter().any(|consent| consent.patient_id == patient && grantee.may_use(consent, category))
    }
}

impl Grantee {
    fn may_use(&self, consent: &ConsentRow, category: DataCategory) -> bool {
        let is_named = consent.grantee_provider_id == Some(self.provider)
            || consent.grantee_facility_id.is_some_and(|facility| self.facilities.contains(&facility));
        let holds = consent.status == ConsentStatus::Active
            && consent.granted_at <= self.now
            && consent.expires_at.is_none_or(|expires_at| self.now < expires_at);
        let covers = [category, DataCategory::All].iter().any(|category| consent.categories.contains(category));
        is_named && holds && covers && consent.purposes.contains(&self.purpose)
    }
}

impl App {
    /// What these patients consent to now.
    pub(super) async fn consents(&self, may: &May<may::ReadStreams>, patients: &BTreeSet<PatientId>) -> Result<Consents, Problem> {
        let Some(grantee) = self.grantee(&may.call).await? else { return Ok(Consents::default()) };
        self.every_consent_is_logged(may.call.actor.organization_id).await?;
        let head = self.log.head().await?.position;
        let mut reading = self.reading(may, &CONSENTS, After::Position(head)).await?;
        let patients = patients.iter().map(|patient| patient.0);
        let all = Query::new(Order::oldest_first("created_at"), ROWS_AT_ONCE).among("patient_id", patients);
        let mut query = all.clone().is("status", Some(ConsentStatus::Active));
        let mut rows = Vec::new();
        loop {
            let page = reading.page::<ConsentRow>(&query).await?;
            rows.extend(page.rows.into_iter().map(|stamped| stamped.row));
            if page.next.is_none() {
                return Ok(Consents { rows, grantee: Some(grantee) });
            }
            query = query.after(page.next);
        }
    }

    /// Whatever was answered to who granted or revoked a consent until now is in the log when this comes back.
    async fn every_consent_is_logged(&self, organization: Uuid) -> Result<(), Problem> {
        let deadline = tokio::time::Instant::now() + self.after_wait();
        while self.log.is_awaited(organization, Consent::TYPE).await? {
            if tokio::time::Instant::now() >= deadline {
                return Err(Problem::unavailable("a consent was granted or revoked that has no place in the log yet; try again"));
            }
            self.sequencing.wake();
            sleep(LOOK_AGAIN_IN).await;
        }
        Ok(())
    }

    /// As whom the caller may be named in a consent: a provider who may see patients. None: a use that nobody can consent to.
    async fn grantee(&self, call: &Call) -> Result<Option<Grantee>, Problem> {
        let (Some(provider), Some(purpose)) = (call.actor.provider_id, consentable(call.purpose)) else { return Ok(None) };
        let loaded = self.journal.load::<Provider>(call.actor.organization_id, provider.0).await.map_err(of_command)?;
        let Some((Provider::Active(practice), _)) = loaded else { return Ok(None) };
        let now = call.now;
        let works_there = practice.affiliations.values().filter(|affiliation| affiliation.period.is_none_or(|period| period.holds(now)));
        Ok(Some(Grantee { provider, facilities: works_there.map(|affiliation| affiliation.facility_id).collect(), purpose, now }))
    }
}

/// The purpose that a consent would have to name.
fn consentable(purpose: PurposeOfUse) -> Option<Purpose> {
    match purpose {
        PurposeOfUse::Treatment => Some(Purpose::Treatment),
        PurposeOfUse::Payment => Some(Purpose::Payment),
        PurposeOfUse::Operations => Some(Purpose::Operations),
        PurposeOfUse::Research => Some(Purpose::Research),
        PurposeOfUse::Ai => Some(Purpose::Ai),
        PurposeOfUse::PatientRequest | PurposeOfUse::Emergency | PurposeOfUse::PublicHealth | PurposeOfUse::Legal | PurposeOfUse::Oversight => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: PatientId = PatientId(Uuid::from_u128(1));
    const PROVIDER: ProviderId = ProviderId(Uuid::from_u128(2));
    const FACILITY: FacilityId = FacilityId(Uuid::from_u128(3));

    fn consent() -> ConsentRow {
        ConsentRow {
            consent_id: Uuid::from_u128(4).into(),
            patient_id: PATIENT,
            status: ConsentStatus::Active,
            grantee_provider_id: Some(PROVIDER),
            grantee_facility_id: None,
            purposes: vec![Purpose::Treatment],
            categories: vec![DataCategory::Records],
            granted_at: Instant::from_micros(10),
            expires_at: Some(Instant::from_micros(20)),
            revoked_at: None,
            revocation_reason: None,
        }
    }

    fn covers(consent: ConsentRow, now: i64) -> bool {
        let facilities = [FACILITY].into();
        let grantee = Grantee { provider: PROVIDER, facilities, purpose: Purpose::Treatment, now: Instant::from_micros(now) };
        Consents { rows: vec![consent], grantee: Some(grantee) }.cover(PATIENT, DataCategory::Records)
    }

    #[test]
    fn a_consent_covers_what_it_names_while_it_holds() {
        assert!(covers(consent(), 10) && covers(consent(), 19));
        assert!(!covers(consent(), 9) && !covers(consent(), 20), "not before, not after");
        assert!(covers(ConsentRow { expires_at: None, ..consent() }, 1_000));
        assert!(covers(ConsentRow { categories: vec![DataCategory::All], ..consent() }, 15));
        assert!(covers(ConsentRow { grantee_provider_id: None, grantee_facility_id: Some(FACILITY), ..consent() }, 15), "who works there");
    }

    #[test]
    fn what_a_consent_doesnt_name_it_doesnt_cover() {
        let other = Uuid::from_u128(9);
        for consent in [
            ConsentRow { status: ConsentStatus::Revoked, ..consent() },
            ConsentRow { patient_id: other.into(), ..consent() },
            ConsentRow { grantee_provider_id: Some(other.into()), ..consent() },
            ConsentRow { grantee_provider_id: None, grantee_facility_id: Some(other.into()), ..consent() },
            ConsentRow { purposes: vec![Purpose::Research], ..consent() },
            ConsentRow { categories: vec![DataCategory::Demographics, DataCategory::Insights], ..consent() },
        ] {
            assert!(!covers(consent, 15));
        }
        assert!(!Consents { rows: vec![consent()], grantee: None }.cover(PATIENT, DataCategory::Records));
    }
}
