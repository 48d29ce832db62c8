//! Where is care given? A hospital, practice, department or room inside the organization. `Absent → Open ⇄ Closed`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Address, Aggregate, Bounded, Code, EmailContact, FacilityId, Ground, Grounds, Identifier, Instant, Line, PhoneContact, Subject, Text,
    choices::choices, events::events, organization::Organization, redact::redacted, refusal::refusals,
};

#[cfg(test)]
mod tests;

events! {
    /// What can have happened to a facility.
    pub enum FacilityEvent {
        FacilityRegistered(FacilityRegistered) = 1,
        FacilityChanged(FacilityChanged) = 1,
        FacilityClosed(FacilityClosed) = 1,
        FacilityReopened(FacilityReopened) = 1,
    }
}

/// A facility was added.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FacilityRegistered {
    /// When.
    pub registered_at: Instant,
    /// What it is.
    pub facility: FacilityDetails,
}

/// A facility is described anew: its name, its place, whatever differs.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FacilityChanged {
    /// When.
    pub changed_at: Instant,
    /// What it is from now on, whole.
    pub facility: FacilityDetails,
}

/// A facility stopped; what happened there stays.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FacilityClosed {
    /// When.
    pub closed_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// A facility goes on, as it was.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FacilityReopened {
    /// When.
    pub reopened_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// A facility (HL7 FHIR R4 `Organization` and `Location`).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FacilityDetails {
    /// Its name.
    pub name: Line,
    /// What it is, for us.
    pub kind: FacilityKind,
    /// The facility it is a part of.
    #[serde(default)]
    pub parent_id: Option<FacilityId>,
    /// What it is, in codes.
    #[serde(default)]
    pub types: Vec<Code>,
    /// Its numbers elsewhere.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Phone numbers.
    #[serde(default)]
    pub phones: Vec<PhoneContact>,
    /// E-mail addresses.
    #[serde(default)]
    pub emails: Vec<EmailContact>,
    /// Where it is.
    #[serde(default)]
    pub addresses: Vec<Address>,
}

choices! {
    /// Which kind of facility.
    pub enum FacilityKind {
        Hospital = "HOSPITAL",
        Practice = "PRACTICE",
        Department = "DEPARTMENT",
        Location = "LOCATION",
        Other = "OTHER",
    }
}

redacted!(FacilityRegistered, FacilityChanged, FacilityClosed, FacilityReopened, FacilityDetails);

/// A facility's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Facility {
    /// Not registered yet.
    #[default]
    Absent,
    /// At work.
    Open(Box<FacilityDetails>),
    /// Stopped; as it was when it stopped.
    Closed(Box<FacilityDetails>),
}

/// What can be asked of a facility.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields' types say it; `now` is the moment of the command, `id` the facility's own")]
pub enum FacilityCommand {
    /// Add it.
    Register { now: Instant, id: FacilityId, facility: FacilityDetails },
    /// Describe it anew, whole.
    Change { now: Instant, id: FacilityId, facility: FacilityDetails },
    /// Stop.
    Close { now: Instant, reason: Option<Text> },
    /// Go on.
    Reopen { now: Instant, reason: Option<Text> },
}

refusals! {
    /// Which rule on facilities says no.
    pub enum FacilityError {
        OrganizationClosed = "organization_closed", State, "this organization is closed: no facility is opened in it";
        AlreadyRegistered = "already_registered", State, "this facility is already registered";
        NotRegistered = "not_registered", State, "this facility isn't registered";
        Closed = "closed", State, "this facility is closed";
        OwnParent = "own_parent", Request(parent_id), "parent_id must name another facility than this one";
        TooLong = "too_long", Request, "each list may have at most 100 entries, each code at most 2,000 bytes";
    }
}

impl Aggregate for Facility {
    const TYPE: &'static str = "facility";
    const TOPIC: &'static str = "patient-events";
    const SNAPSHOT_VERSION: u32 = 2;
    type Command = FacilityCommand;
    type Event = FacilityEvent;
    type Error = FacilityError;

    fn decide(&self, command: FacilityCommand) -> Result<Vec<FacilityEvent>, FacilityError> {
        match command {
            FacilityCommand::Register { now, id, facility } => self.register(now, id, facility),
            FacilityCommand::Change { now, id, facility } => self.change(now, id, facility),
            FacilityCommand::Close { now, reason } => self.close(now, reason),
            FacilityCommand::Reopen { now, reason } => self.reopen(now, reason),
        }
    }

    fn grounds(&self, command: &FacilityCommand) -> Vec<Ground> {
        if command.opens() { vec![Ground::Organization] } else { vec![] }
    }

    fn decide_on(&self, command: FacilityCommand, grounds: &Grounds) -> Result<Vec<FacilityEvent>, FacilityError> {
        if command.opens() && grounds.organization == Organization::Closed {
            return Err(FacilityError::OrganizationClosed);
        }
        self.decide(command)
    }

    fn evolve(self, event: &FacilityEvent) -> Self {
        match (self, event) {
            (_, FacilityEvent::FacilityRegistered(registered)) => Self::Open(Box::new(registered.facility.clone())),
            (Self::Open(_), FacilityEvent::FacilityChanged(changed)) => Self::Open(Box::new(changed.facility.clone())),
            (Self::Open(facility), FacilityEvent::FacilityClosed(_)) => Self::Closed(facility),
            (Self::Closed(facility), FacilityEvent::FacilityReopened(_)) => Self::Open(facility),
            (state @ (Self::Absent | Self::Closed(_)), FacilityEvent::FacilityChanged(_) | FacilityEvent::FacilityClosed(_))
            | (state @ (Self::Absent | Self::Open(_)), FacilityEvent::FacilityReopened(_)) => state,
        }
    }

    fn subject(&self, _id: Uuid, _event: &FacilityEvent) -> Subject {
        Subject::Audit
    }
}

impl FacilityCommand {
    fn opens(&self) -> bool {
        matches!(self, Self::Register { .. } | Self::Reopen { .. })
    }
}

impl Facility {
    fn register(&self, now: Instant, id: FacilityId, facility: FacilityDetails) -> Result<Vec<FacilityEvent>, FacilityError> {
        if *self != Self::Absent {
            return Err(FacilityError::AlreadyRegistered);
        }
        facility.check(id)?;
        Ok(vec![FacilityRegistered { registered_at: now, facility }.into()])
    }

    fn change(&self, now: Instant, id: FacilityId, facility: FacilityDetails) -> Result<Vec<FacilityEvent>, FacilityError> {
        match self {
            Self::Absent => return Err(FacilityError::NotRegistered),
            Self::Closed(_) => return Err(FacilityError::Closed),
            Self::Open(present) if **present == facility => return Ok(vec![]),
            Self::Open(_) => {}
        }
        facility.check(id)?;
        Ok(vec![FacilityChanged { changed_at: now, facility }.into()])
    }

    fn close(&self, now: Instant, reason: Option<Text>) -> Result<Vec<FacilityEvent>, FacilityError> {
        match self {
            Self::Absent => Err(FacilityError::NotRegistered),
            Self::Closed(_) => Ok(vec![]),
            Self::Open(_) => Ok(vec![FacilityClosed { closed_at: now, reason }.into()]),
        }
    }

    fn reopen(&self, now: Instant, reason: Option<Text>) -> Result<Vec<FacilityEvent>, FacilityError> {
        match self {
            Self::Absent => Err(FacilityError::NotRegistered),
            Self::Open(_) => Ok(vec![]),
            Self::Closed(_) => Ok(vec![FacilityReopened { reopened_at: now, reason }.into()]),
        }
    }
}

impl FacilityDetails {
    fn check(&self, id: FacilityId) -> Result<(), FacilityError> {
        if self.parent_id == Some(id) {
            return Err(FacilityError::OwnParent);
        }
        let bounded = self.types.is_bounded() && self.identifiers.is_bounded() && self.phones.is_bounded();
        if !bounded || !self.emails.is_bounded() || !self.addresses.is_bounded() {
            return Err(FacilityError::TooLong);
        }
        Ok(())
    }
}
