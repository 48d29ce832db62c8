//! Which consents has a patient given, to whom, for what, and do they still hold?

use anamnesis_domain::consent::{ConsentEvent, DataCategory, Purpose};
use anamnesis_domain::{AnyEvent, ConsentId, FacilityId, Instant, PatientId, ProviderId, Recorded};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, text_columns};

#[cfg(test)]
mod tests;

/// Every consent ever given.
pub const CONSENTS: Projection = Projection {
    name: "consents",
    schema: Schema::Read,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<Consents>::TABLE],
};

text_columns!(Purpose, DataCategory, ConsentStatus);

row! {
    /// A consent. Whether it has expired is a question of the moment of asking.
    pub struct ConsentRow in "consents" key (consent_id) {
        consent_id: ConsentId,
        patient_id: PatientId,
        status: ConsentStatus,
        grantee_provider_id: Option<ProviderId>,
        grantee_facility_id: Option<FacilityId>,
        purposes: Vec<Purpose>,
        categories: Vec<DataCategory>,
        granted_at: Instant,
        expires_at: Option<Instant>,
        revoked_at: Option<Instant>,
        revocation_reason: Option<Sealed<String>>,
    }
}

/// Whether a consent was taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConsentStatus {
    /// It holds, unless it has expired.
    Active,
    /// It was taken back, for good.
    Revoked,
}

/// The fold of `consents`.
pub struct Consents;

impl Fold for Consents {
    type Row = ConsentRow;
    const STREAMS: Streams = Streams::Of(&["consent"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<ConsentRow>, event: &Recorded) {
        let Some(AnyEvent::Consent(happened)) = event.event.value() else { return };
        match happened {
            ConsentEvent::ConsentGranted(granted) => rows.put(ConsentRow {
                consent_id: event.aggregate_id.into(),
                patient_id: granted.patient_id,
                status: ConsentStatus::Active,
                grantee_provider_id: granted.grantee.provider_id,
                grantee_facility_id: granted.grantee.facility_id,
                purposes: granted.purposes.clone(),
                categories: granted.categories.clone(),
                granted_at: granted.granted_at,
                expires_at: granted.expires_at,
                revoked_at: None,
                revocation_reason: None,
            }),
            ConsentEvent::ConsentRevoked(revoked) => rows.change(event.aggregate_id, |consent| {
                consent.status = ConsentStatus::Revoked;
                consent.revoked_at = Some(revoked.revoked_at);
                consent.revocation_reason = revoked.reason.clone().map(|reason| Sealed::new(reason.into()));
            }),
        }
    }
}
