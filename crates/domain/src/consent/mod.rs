//! May this provider or organization use that patient's data, for what, and how long? `Absent → Active → Revoked`

use std::collections::HashSet;
use std::hash::Hash;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Aggregate, FacilityId, Instant, PatientId, ProviderId, Subject, Text, events::events, redact::redacted, refusal::refusals};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

events! {
    /// What can have happened to a consent.
    pub enum ConsentEvent {
        ConsentGranted(ConsentGranted) = 1,
        ConsentRevoked(ConsentRevoked) = 1,
    }
}

/// A patient allowed somebody to use their data.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentGranted {
    /// Whose data.
    pub patient_id: PatientId,
    /// Who may use it.
    pub grantee: Grantee,
    /// For what.
    pub purposes: Vec<Purpose>,
    /// Which data.
    pub categories: Vec<DataCategory>,
    /// From when on it holds.
    pub granted_at: Instant,
    /// Until when; none: until revoked.
    pub expires_at: Option<Instant>,
}

/// The patient took the consent back.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentRevoked {
    /// From when on it no longer holds.
    pub revoked_at: Instant,
    /// Why, in the patient's words.
    pub reason: Option<Text>,
}

/// Who is allowed: exactly one of the two.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Grantee {
    /// A provider.
    pub provider_id: Option<ProviderId>,
    /// A facility and those who work there.
    pub facility_id: Option<FacilityId>,
}

/// What data is used for (45 CFR 164.506 and 164.508).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Purpose {
    Treatment,
    Payment,
    Operations,
    Research,
    Ai,
}

/// Which part of a patient's data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DataCategory {
    Demographics,
    Appointments,
    Records,
    Insights,
    All,
}

redacted!(ConsentGranted, ConsentRevoked, Grantee);

/// A consent's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Consent {
    /// Not granted yet.
    #[default]
    Absent,
    /// Granted.
    Active {
        /// Whose data.
        patient_id: PatientId,
    },
    /// Taken back; for good.
    Revoked {
        /// Whose data.
        patient_id: PatientId,
    },
}

/// What can be asked of a consent.
#[derive(Clone)]
pub enum ConsentCommand {
    /// Grant it.
    Grant(GrantConsent),
    /// Take it back.
    Revoke(RevokeConsent),
}

/// Grants a consent.
#[derive(Clone)]
pub struct GrantConsent {
    /// What is granted; `granted_at` is the moment of the command.
    pub consent: ConsentGranted,
    /// What the one who says so is named by in consents; nothing, if it is the patient.
    pub themselves: Vec<Grantee>,
}

/// Takes a consent back.
#[derive(Clone)]
pub struct RevokeConsent {
    /// The moment of the command.
    pub now: Instant,
    /// Why.
    pub reason: Option<Text>,
}

redacted!(ConsentCommand);

refusals! {
    /// Which rule on consents says no.
    pub enum ConsentError {
        AlreadyGranted = "already_granted", State, "this consent was already granted; grant a new one instead";
        NotActive = "not_active", State, "this consent was never granted";
        ExpiresTooSoon = "expires_too_soon", Request(expires_at), "expires_at must lie after granted_at";
        NoPurpose = "no_purpose", Request(purposes), "purposes and categories must each name at least one";
        ForThemselves = "for_themselves", Request(grantee), "grantee must not be who grants it, nor where they work: the patient may, or somebody else";
        OneGrantee = "one_grantee", Request(grantee), "grantee must name either provider_id or facility_id";
    }
}

impl Aggregate for Consent {
    const TYPE: &'static str = "consent";
    const TOPIC: &'static str = "patient-events";
    type Command = ConsentCommand;
    type Event = ConsentEvent;
    type Error = ConsentError;

    fn decide(&self, command: ConsentCommand) -> Result<Vec<ConsentEvent>, ConsentError> {
        match command {
            ConsentCommand::Grant(grant) => self.grant(grant),
            ConsentCommand::Revoke(revoke) => self.revoke(revoke),
        }
    }

    fn evolve(self, event: &ConsentEvent) -> Self {
        match (self, event) {
            (_, ConsentEvent::ConsentGranted(granted)) => Self::Active { patient_id: granted.patient_id },
            (Self::Active { patient_id } | Self::Revoked { patient_id }, ConsentEvent::ConsentRevoked(_)) => Self::Revoked { patient_id },
            (Self::Absent, ConsentEvent::ConsentRevoked(_)) => Self::Absent,
        }
    }

    fn subject(&self, id: Uuid, _event: &ConsentEvent) -> Subject {
        match self {
            Self::Active { patient_id } | Self::Revoked { patient_id } => Subject::Person(patient_id.0),
            Self::Absent => Subject::Person(id),
        }
    }
}

impl Consent {
    fn grant(&self, GrantConsent { mut consent, themselves }: GrantConsent) -> Result<Vec<ConsentEvent>, ConsentError> {
        if *self != Self::Absent {
            return Err(ConsentError::AlreadyGranted);
        }
        if consent.expires_at.is_some_and(|end| end <= consent.granted_at) {
            return Err(ConsentError::ExpiresTooSoon);
        }
        if consent.purposes.is_empty() || consent.categories.is_empty() {
            return Err(ConsentError::NoPurpose);
        }
        if consent.grantee.provider_id.is_some() == consent.grantee.facility_id.is_some() {
            return Err(ConsentError::OneGrantee);
        }
        if themselves.contains(&consent.grantee) {
            return Err(ConsentError::ForThemselves);
        }
        keep_once(&mut consent.purposes);
        keep_once(&mut consent.categories);
        Ok(vec![consent.into()])
    }

    fn revoke(&self, revoke: RevokeConsent) -> Result<Vec<ConsentEvent>, ConsentError> {
        match self {
            Self::Absent => Err(ConsentError::NotActive),
            Self::Revoked { .. } => Ok(vec![]),
            Self::Active { .. } => Ok(vec![ConsentRevoked { revoked_at: revoke.now, reason: revoke.reason }.into()]),
        }
    }
}

/// What is named again says nothing more.
fn keep_once<T: Copy + Eq + Hash>(named: &mut Vec<T>) {
    let mut seen = HashSet::new();
    named.retain(|one| seen.insert(*one));
}
