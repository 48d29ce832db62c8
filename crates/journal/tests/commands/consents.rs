//! Consents to try the journal with.

use anamnesis_domain::consent::{ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose, RevokeConsent};
use anamnesis_domain::{Instant, PatientId, ProviderId};
use uuid::Uuid;

pub(crate) fn grant(patient: Uuid) -> ConsentCommand {
    let now = Instant::from_micros(1_767_225_600_000_000);
    let grantee = Grantee { provider_id: Some(ProviderId(Uuid::from_u128(7))), facility_id: None };
    let (purposes, categories) = (vec![Purpose::Treatment], vec![DataCategory::All]);
    ConsentCommand::Grant(GrantConsent {
        consent: ConsentGranted { patient_id: PatientId(patient), grantee, purposes, categories, granted_at: now, expires_at: None },
        themselves: vec![],
    })
}

pub(crate) fn revoke() -> ConsentCommand {
    ConsentCommand::Revoke(RevokeConsent { now: Instant::from_micros(1_767_225_700_000_000), reason: None })
}
