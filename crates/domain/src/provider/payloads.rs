//! What does each event of a provider tell?

use serde::{Deserialize, Serialize};

use super::{Affiliation, Availability, ProviderProfile, Stars};
use crate::{AccountId, AffiliationId, AppointmentId, Instant, Text, redact::redacted};

/// A provider is known here.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderRegistered {
    /// When.
    pub registered_at: Instant,
    /// Who it is.
    pub profile: ProviderProfile,
}

/// What is known of a provider is put right.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderProfileCorrected {
    /// When.
    pub corrected_at: Instant,
    /// Who it is, whole.
    pub profile: ProviderProfile,
}

/// A provider said when patients can come.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderAvailabilitySet {
    /// When that was said.
    pub set_at: Instant,
    /// The hours from now on, whole.
    pub availability: Availability,
}

/// Somebody checked the licence and found it good.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderVerified {
    /// When.
    pub verified_at: Instant,
    /// What was checked, and how.
    pub note: Option<Text>,
}

/// The licence no longer counts as checked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderVerificationWithdrawn {
    /// When.
    pub withdrawn_at: Instant,
    /// Why.
    pub reason: Text,
}

/// A patient gave stars. Who it was isn't told here, where the patient's erasure wouldn't reach it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderRated {
    /// When.
    pub rated_at: Instant,
    /// How many.
    pub stars: Stars,
    /// After which appointment; one opinion each.
    pub appointment_id: Option<AppointmentId>,
}

/// A provider may not see patients for the time being.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderSuspended {
    /// When.
    pub suspended_at: Instant,
    /// Why.
    pub reason: Text,
}

/// A provider may see patients again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderReinstated {
    /// When.
    pub reinstated_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// A provider signs in with this account, and with no other.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderAccountLinked {
    /// When.
    pub linked_at: Instant,
    /// The account; none: no longer any.
    pub account_id: Option<AccountId>,
}

/// A provider works at a facility; takes the place of what the same affiliation said before.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderAffiliated {
    /// When that was said.
    pub affiliated_at: Instant,
    /// Which affiliation.
    pub affiliation_id: AffiliationId,
    /// Where and as what.
    pub affiliation: Affiliation,
}

/// A provider no longer works at a facility.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderAffiliationEnded {
    /// When.
    pub ended_at: Instant,
    /// Which affiliation.
    pub affiliation_id: AffiliationId,
    /// Why.
    pub reason: Option<Text>,
}

impl super::ProviderEvent {
    /// The same with the provider's own numbers masked; none: there is none in it.
    pub(crate) fn masked(&self) -> Option<Self> {
        match self {
            Self::ProviderRegistered(registered) => Some(ProviderRegistered { profile: registered.profile.masked(), ..registered.clone() }.into()),
            Self::ProviderProfileCorrected(corrected) => {
                Some(ProviderProfileCorrected { profile: corrected.profile.masked(), ..corrected.clone() }.into())
            }
            Self::ProviderAvailabilitySet(_)
            | Self::ProviderVerified(_)
            | Self::ProviderVerificationWithdrawn(_)
            | Self::ProviderRated(_)
            | Self::ProviderSuspended(_)
            | Self::ProviderReinstated(_)
            | Self::ProviderAccountLinked(_)
            | Self::ProviderAffiliated(_)
            | Self::ProviderAffiliationEnded(_) => None,
        }
    }
}

redacted!(
    ProviderRegistered,
    ProviderProfileCorrected,
    ProviderAvailabilitySet,
    ProviderVerified,
    ProviderVerificationWithdrawn,
    ProviderRated,
    ProviderSuspended,
    ProviderReinstated,
    ProviderAccountLinked,
    ProviderAffiliated,
    ProviderAffiliationEnded,
);
