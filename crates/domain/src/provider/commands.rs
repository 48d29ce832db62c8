//! What follows from each command to a provider?

use super::{
    Affiliation, Availability, Certification, MAX_AFFILIATIONS, Provider, ProviderAccountLinked, ProviderAffiliated, ProviderAffiliationEnded,
    ProviderAvailabilitySet, ProviderError, ProviderEvent, ProviderProfile, ProviderProfileCorrected, ProviderRated, ProviderRegistered,
    ProviderReinstated, ProviderSuspended, ProviderVerificationWithdrawn, ProviderVerified, Stars,
};
use crate::{AccountId, AffiliationId, AppointmentId, Bounded, Instant, Period, Text};

impl Provider {
    pub(super) fn register(&self, now: Instant, profile: ProviderProfile) -> Result<Vec<ProviderEvent>, ProviderError> {
        if *self != Self::Absent {
            return Err(ProviderError::AlreadyRegistered);
        }
        check(&profile)?;
        Ok(vec![ProviderRegistered { registered_at: now, profile }.into()])
    }

    pub(super) fn correct_profile(&self, now: Instant, profile: ProviderProfile) -> Result<Vec<ProviderEvent>, ProviderError> {
        let practice = self.registered()?;
        if practice.profile == profile {
            return Ok(vec![]);
        }
        check(&profile)?;
        let other_license = practice.profile.license_number != profile.license_number;
        let mut events = vec![ProviderProfileCorrected { corrected_at: now, profile }.into()];
        if other_license && practice.verified_at.is_some() {
            events.push(ProviderVerificationWithdrawn { withdrawn_at: now, reason: other_license_reason() }.into());
        }
        Ok(events)
    }

    pub(super) fn set_availability(&self, now: Instant, availability: Availability) -> Result<Vec<ProviderEvent>, ProviderError> {
        if self.registered()?.availability.as_ref() == Some(&availability) {
            return Ok(vec![]);
        }
        if !availability.is_bounded() {
            return Err(ProviderError::TooManyHours);
        }
        if !availability.runs_forward() {
            return Err(ProviderError::HoursReversed);
        }
        Ok(vec![ProviderAvailabilitySet { set_at: now, availability }.into()])
    }

    pub(super) fn verify(&self, now: Instant, note: Option<Text>) -> Result<Vec<ProviderEvent>, ProviderError> {
        let practice = self.active()?;
        if practice.verified_at.is_some() {
            return Ok(vec![]);
        }
        if practice.profile.license_number.is_none() {
            return Err(ProviderError::NoLicense);
        }
        Ok(vec![ProviderVerified { verified_at: now, note }.into()])
    }

    pub(super) fn withdraw_verification(&self, now: Instant, reason: Text) -> Result<Vec<ProviderEvent>, ProviderError> {
        if self.registered()?.verified_at.is_none() {
            return Ok(vec![]);
        }
        Ok(vec![ProviderVerificationWithdrawn { withdrawn_at: now, reason }.into()])
    }

    pub(super) fn rate(&self, now: Instant, stars: Stars, appointment_id: Option<AppointmentId>) -> Result<Vec<ProviderEvent>, ProviderError> {
        let practice = self.registered()?;
        if appointment_id.is_some_and(|appointment| practice.rated.contains(&appointment)) {
            return Err(ProviderError::AlreadyRated);
        }
        Ok(vec![ProviderRated { rated_at: now, stars, appointment_id }.into()])
    }

    pub(super) fn suspend(&self, now: Instant, reason: Text) -> Result<Vec<ProviderEvent>, ProviderError> {
        match self {
            Self::Absent => Err(ProviderError::NotRegistered),
            Self::Suspended(_) => Ok(vec![]),
            Self::Active(_) => Ok(vec![ProviderSuspended { suspended_at: now, reason }.into()]),
        }
    }

    pub(super) fn reinstate(&self, now: Instant, reason: Option<Text>) -> Result<Vec<ProviderEvent>, ProviderError> {
        match self {
            Self::Absent => Err(ProviderError::NotRegistered),
            Self::Active(_) => Ok(vec![]),
            Self::Suspended(_) => Ok(vec![ProviderReinstated { reinstated_at: now, reason }.into()]),
        }
    }

    pub(super) fn link_account(&self, now: Instant, account_id: Option<AccountId>) -> Result<Vec<ProviderEvent>, ProviderError> {
        if self.registered()?.account_id == account_id {
            return Ok(vec![]);
        }
        Ok(vec![ProviderAccountLinked { linked_at: now, account_id }.into()])
    }

    pub(super) fn affiliate(
        &self,
        now: Instant,
        affiliation_id: AffiliationId,
        affiliation: Affiliation,
    ) -> Result<Vec<ProviderEvent>, ProviderError> {
        let affiliations = &self.registered()?.affiliations;
        if affiliations.get(&affiliation_id) == Some(&affiliation) {
            return Ok(vec![]);
        }
        if !affiliations.contains_key(&affiliation_id) && affiliations.len() >= MAX_AFFILIATIONS {
            return Err(ProviderError::TooManyAffiliations);
        }
        if !affiliation.is_bounded() {
            return Err(ProviderError::TooLong);
        }
        if affiliation.period.is_some_and(Period::is_reversed) {
            return Err(ProviderError::PeriodReversed);
        }
        Ok(vec![ProviderAffiliated { affiliated_at: now, affiliation_id, affiliation }.into()])
    }

    pub(super) fn end_affiliation(
        &self,
        now: Instant,
        affiliation_id: AffiliationId,
        reason: Option<Text>,
    ) -> Result<Vec<ProviderEvent>, ProviderError> {
        if !self.registered()?.affiliations.contains_key(&affiliation_id) {
            return Ok(vec![]);
        }
        Ok(vec![ProviderAffiliationEnded { ended_at: now, affiliation_id, reason }.into()])
    }
}

fn other_license_reason() -> Text {
    Text::try_from("license_number was corrected").expect("it is a short text")
}

fn check(profile: &ProviderProfile) -> Result<(), ProviderError> {
    if profile.name.is_empty() {
        return Err(ProviderError::NoName);
    }
    if !profile.is_bounded() {
        return Err(ProviderError::TooLong);
    }
    if profile.certifications.iter().any(Certification::is_reversed) {
        return Err(ProviderError::CertificationReversed);
    }
    Ok(())
}
