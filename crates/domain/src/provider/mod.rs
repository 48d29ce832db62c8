//! Who gives care? A person with a licence, with or without an account. `Absent → Active ⇄ Suspended`

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, AffiliationId, Aggregate, AppointmentId, Ground, Grounds, Instant, Reservation, Subject, Text, events::events,
    organization::Organization, redact::redacted, refusal::refusals,
};

mod availability;
mod commands;
mod free;
mod payloads;
mod profile;
#[cfg(test)]
mod properties;
mod rating;
#[cfg(test)]
mod tests;

pub use availability::{Availability, AvailabilityException, Hours, MAX_EXCEPTIONS, MAX_HOURS, TimeOfDay, Weekday, WeeklyHours};
pub use free::Span;
pub use payloads::{
    ProviderAccountLinked, ProviderAffiliated, ProviderAffiliationEnded, ProviderAvailabilitySet, ProviderProfileCorrected, ProviderRated,
    ProviderRegistered, ProviderReinstated, ProviderSuspended, ProviderVerificationWithdrawn, ProviderVerified,
};
pub use profile::{Affiliation, Certification, NPI_SYSTEM, ProviderProfile, Specialty};
pub use rating::{Rating, Stars};

/// How many affiliations a provider may have.
pub const MAX_AFFILIATIONS: usize = 500;

events! {
    /// What can have happened to a provider.
    pub enum ProviderEvent {
        ProviderRegistered(ProviderRegistered) = 1,
        ProviderProfileCorrected(ProviderProfileCorrected) = 1,
        ProviderAvailabilitySet(ProviderAvailabilitySet) = 1,
        ProviderVerified(ProviderVerified) = 1,
        ProviderVerificationWithdrawn(ProviderVerificationWithdrawn) = 1,
        ProviderRated(ProviderRated) = 1,
        ProviderSuspended(ProviderSuspended) = 1,
        ProviderReinstated(ProviderReinstated) = 1,
        ProviderAccountLinked(ProviderAccountLinked) = 1,
        ProviderAffiliated(ProviderAffiliated) = 1,
        ProviderAffiliationEnded(ProviderAffiliationEnded) = 1,
    }
}

redacted!(Practice);

/// A provider's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Provider {
    /// Not registered yet.
    #[default]
    Absent,
    /// May see patients.
    Active(Box<Practice>),
    /// May not, for the time being.
    Suspended(Box<Practice>),
}

/// What is known of a provider.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Practice {
    /// Who it is.
    pub profile: ProviderProfile,
    /// When patients can come; none: never said, so nothing is ruled out.
    pub availability: Option<Availability>,
    /// Since when the licence counts as checked.
    pub verified_at: Option<Instant>,
    /// What patients think.
    pub rating: Rating,
    /// Which appointments were rated.
    pub rated: BTreeSet<AppointmentId>,
    /// The provider's account.
    pub account_id: Option<AccountId>,
    /// Where the provider works.
    pub affiliations: BTreeMap<AffiliationId, Affiliation>,
}

/// What can be asked of a provider; `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields' types say it")]
pub enum ProviderCommand {
    /// Register.
    Register { now: Instant, profile: ProviderProfile },
    /// Put right what is known, whole.
    CorrectProfile { now: Instant, profile: ProviderProfile },
    /// Say when patients can come, whole.
    SetAvailability { now: Instant, availability: Availability },
    /// Count the licence as checked.
    Verify { now: Instant, note: Option<Text> },
    /// No longer count the licence as checked.
    WithdrawVerification { now: Instant, reason: Text },
    /// Give stars.
    Rate { now: Instant, stars: Stars, appointment_id: Option<AppointmentId> },
    /// Keep from seeing patients.
    Suspend { now: Instant, reason: Text },
    /// Let see patients again.
    Reinstate { now: Instant, reason: Option<Text> },
    /// Say which account is the provider's; none: no longer any.
    LinkAccount { now: Instant, account_id: Option<AccountId> },
    /// Say where the provider works; a new id, or that of an affiliation to put right.
    Affiliate { now: Instant, affiliation_id: AffiliationId, affiliation: Affiliation },
    /// End an affiliation.
    EndAffiliation { now: Instant, affiliation_id: AffiliationId, reason: Option<Text> },
}

refusals! {
    /// Which rule on providers says no.
    pub enum ProviderError {
        OrganizationClosed = "organization_closed", State, "this organization is closed: nobody new is registered";
        AlreadyRegistered = "already_registered", State, "this provider is already registered";
        NotRegistered = "not_registered", State, "this provider isn't registered";
        Suspended = "suspended", State, "this provider is suspended";
        AlreadyRated = "already_rated", State, "this appointment was rated already";
        NoLicense = "no_license", State, "a provider without license_number can't be verified";
        TooManyAffiliations = "too_many_affiliations", State, "a provider may have at most 500 affiliations";
        TooLong = "too_long", Request, "each list may have at most 100 entries, each code at most 2,000 bytes";
        NoName = "no_name", Request(name), "name must have at least one of family, given and text";
        CertificationReversed = "certification_reversed", Request(valid_until), "valid_until of a certification must not lie before valid_from";
        TooManyHours = "too_many_hours", Request(weekly), "a week and a day may have at most 100 hours entries, and there may be at most 1,000 exceptions";
        HoursReversed = "hours_reversed", Request(until), "until must lie after from, and last_day not before first_day";
        PeriodReversed = "period_reversed", Request(period), "the period's end must not lie before its start";
    }
}

impl Aggregate for Provider {
    const TYPE: &'static str = "provider";
    const TOPIC: &'static str = "patient-events";
    const SNAPSHOT_VERSION: u32 = 2;
    type Command = ProviderCommand;
    type Event = ProviderEvent;
    type Error = ProviderError;

    fn decide(&self, command: ProviderCommand) -> Result<Vec<ProviderEvent>, ProviderError> {
        match command {
            ProviderCommand::Register { now, profile } => self.register(now, profile),
            ProviderCommand::CorrectProfile { now, profile } => self.correct_profile(now, profile),
            ProviderCommand::SetAvailability { now, availability } => self.set_availability(now, availability),
            ProviderCommand::Verify { now, note } => self.verify(now, note),
            ProviderCommand::WithdrawVerification { now, reason } => self.withdraw_verification(now, reason),
            ProviderCommand::Rate { now, stars, appointment_id } => self.rate(now, stars, appointment_id),
            ProviderCommand::Suspend { now, reason } => self.suspend(now, reason),
            ProviderCommand::Reinstate { now, reason } => self.reinstate(now, reason),
            ProviderCommand::LinkAccount { now, account_id } => self.link_account(now, account_id),
            ProviderCommand::Affiliate { now, affiliation_id, affiliation } => self.affiliate(now, affiliation_id, affiliation),
            ProviderCommand::EndAffiliation { now, affiliation_id, reason } => self.end_affiliation(now, affiliation_id, reason),
        }
    }

    fn grounds(&self, command: &ProviderCommand) -> Vec<Ground> {
        if matches!(command, ProviderCommand::Register { .. }) { vec![Ground::Organization] } else { vec![] }
    }

    fn decide_on(&self, command: ProviderCommand, grounds: &Grounds) -> Result<Vec<ProviderEvent>, ProviderError> {
        if matches!(command, ProviderCommand::Register { .. }) && grounds.organization == Organization::Closed {
            return Err(ProviderError::OrganizationClosed);
        }
        self.decide(command)
    }

    fn evolve(self, event: &ProviderEvent) -> Self {
        match event {
            ProviderEvent::ProviderRegistered(registered) => Self::Active(Box::new(Practice::new(&registered.profile))),
            ProviderEvent::ProviderProfileCorrected(corrected) => self.with(|practice| practice.profile = corrected.profile.clone()),
            ProviderEvent::ProviderAvailabilitySet(set) => self.with(|practice| practice.availability = Some(set.availability.clone())),
            ProviderEvent::ProviderVerified(verified) => self.with(|practice| practice.verified_at = Some(verified.verified_at)),
            ProviderEvent::ProviderVerificationWithdrawn(_) => self.with(|practice| practice.verified_at = None),
            ProviderEvent::ProviderRated(rated) => self.with(|practice| practice.rate(rated)),
            ProviderEvent::ProviderSuspended(_) => self.becomes(Self::Suspended),
            ProviderEvent::ProviderReinstated(_) => self.becomes(Self::Active),
            ProviderEvent::ProviderAccountLinked(linked) => self.with(|practice| practice.account_id = linked.account_id),
            ProviderEvent::ProviderAffiliated(affiliated) => self.with(|practice| practice.affiliate(affiliated)),
            ProviderEvent::ProviderAffiliationEnded(ended) => self.with(|practice| drop(practice.affiliations.remove(&ended.affiliation_id))),
        }
    }

    fn subject(&self, id: Uuid, _event: &ProviderEvent) -> Subject {
        Subject::Person(id)
    }

    fn reservations(&self, _id: Uuid, event: &ProviderEvent) -> Vec<Reservation> {
        match event {
            ProviderEvent::ProviderRegistered(registered) => claims(&registered.profile),
            ProviderEvent::ProviderProfileCorrected(corrected) => self.move_claims(&corrected.profile),
            ProviderEvent::ProviderRated(rated) => rated.appointment_id.map(claim_of_rating).into_iter().collect(),
            ProviderEvent::ProviderAvailabilitySet(_)
            | ProviderEvent::ProviderVerified(_)
            | ProviderEvent::ProviderVerificationWithdrawn(_)
            | ProviderEvent::ProviderSuspended(_)
            | ProviderEvent::ProviderReinstated(_)
            | ProviderEvent::ProviderAccountLinked(_)
            | ProviderEvent::ProviderAffiliated(_)
            | ProviderEvent::ProviderAffiliationEnded(_) => vec![],
        }
    }
}

/// The unique values of a profile: kind and normalised value.
fn unique_values(profile: &ProviderProfile) -> Vec<(&'static str, String)> {
    let mut values = vec![("provider-number", profile.provider_number.normalised())];
    for npi in profile.npis() {
        let value = ("npi", npi.to_owned());
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn claims(profile: &ProviderProfile) -> Vec<Reservation> {
    unique_values(profile).into_iter().map(|(kind, value)| Reservation::Claim { kind, value }).collect()
}

/// Of no other provider: an appointment has one.
fn claim_of_rating(appointment: AppointmentId) -> Reservation {
    Reservation::Claim { kind: "provider-rating", value: appointment.to_string() }
}

impl Provider {
    /// What is known of the provider.
    pub fn practice(&self) -> Option<&Practice> {
        match self {
            Self::Absent => None,
            Self::Active(practice) | Self::Suspended(practice) => Some(practice),
        }
    }

    fn registered(&self) -> Result<&Practice, ProviderError> {
        self.practice().ok_or(ProviderError::NotRegistered)
    }

    fn active(&self) -> Result<&Practice, ProviderError> {
        match self {
            Self::Absent => Err(ProviderError::NotRegistered),
            Self::Suspended(_) => Err(ProviderError::Suspended),
            Self::Active(practice) => Ok(practice),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Practice)) -> Self {
        match &mut self {
            Self::Absent => {}
            Self::Active(practice) | Self::Suspended(practice) => change(practice),
        }
        self
    }

    fn becomes(self, state: impl FnOnce(Box<Practice>) -> Self) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Active(practice) | Self::Suspended(practice) => state(practice),
        }
    }

    /// Gives back what the profile no longer has and takes what it didn't have.
    fn move_claims(&self, profile: &ProviderProfile) -> Vec<Reservation> {
        let before = self.practice().map(|practice| unique_values(&practice.profile)).unwrap_or_default();
        let after = unique_values(profile);
        let given_back = before.iter().filter(|value| !after.contains(value)).cloned().map(|(kind, value)| Reservation::Release { kind, value });
        let taken = after.iter().filter(|value| !before.contains(value)).cloned().map(|(kind, value)| Reservation::Claim { kind, value });
        given_back.chain(taken).collect()
    }
}

impl Practice {
    fn new(profile: &ProviderProfile) -> Self {
        Self {
            profile: profile.clone(),
            availability: None,
            verified_at: None,
            rating: Rating::default(),
            rated: BTreeSet::new(),
            account_id: None,
            affiliations: BTreeMap::new(),
        }
    }

    fn rate(&mut self, rated: &ProviderRated) {
        self.rating = self.rating.with(rated.stars);
        self.rated.extend(rated.appointment_id);
    }

    fn affiliate(&mut self, affiliated: &ProviderAffiliated) {
        self.affiliations.insert(affiliated.affiliation_id, affiliated.affiliation.clone());
    }
}
