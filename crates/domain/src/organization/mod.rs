//! Who keeps the records? The tenant. `Absent → Open → Closed`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Aggregate, Instant, InvalidValue, Line, Subject, Text, events::events, redact::redacted, refusal::refusals};

#[cfg(test)]
mod tests;

events! {
    /// What can have happened to an organization.
    pub enum OrganizationEvent {
        OrganizationRegistered(OrganizationRegistered) = 1,
        OrganizationRenamed(OrganizationRenamed) = 1,
        OrganizationClosed(OrganizationClosed) = 1,
    }
}

/// An organization began to keep records here.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationRegistered {
    /// When.
    pub registered_at: Instant,
    /// What it is.
    pub organization: NewOrganization,
}

/// An organization got another name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationRenamed {
    /// When.
    pub renamed_at: Instant,
    /// The name from now on.
    pub name: Line,
}

/// An organization stopped; its records stay.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationClosed {
    /// When.
    pub closed_at: Instant,
    /// Why.
    pub reason: Option<Text>,
}

/// An organization as it registers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// The name people know.
    pub name: Line,
    /// The name programs know; never changes.
    #[serde(default)]
    pub slug: Option<Slug>,
}

/// A name for programs and addresses: 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end (as in RFC 1123).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidValue;

    fn try_from(slug: String) -> Result<Self, InvalidValue> {
        let spelled = slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if spelled && (1..=63).contains(&slug.len()) && !slug.starts_with('-') && !slug.ends_with('-') {
            Ok(Self(slug))
        } else {
            Err(InvalidValue("must be 1 to 63 lower-case letters, digits or hyphens, without a hyphen at an end"))
        }
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

redacted!(OrganizationRegistered, OrganizationRenamed, OrganizationClosed, NewOrganization);

/// An organization's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Organization {
    /// Not registered yet.
    #[default]
    Absent,
    /// At work.
    Open {
        /// Its name.
        name: Line,
    },
    /// Stopped; for good.
    Closed,
}

/// What can be asked of an organization.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields' types say it; `now` is the moment of the command")]
pub enum OrganizationCommand {
    /// Register it.
    Register { now: Instant, organization: NewOrganization },
    /// Give it another name.
    Rename { now: Instant, name: Line },
    /// Stop.
    Close { now: Instant, reason: Option<Text> },
}

refusals! {
    /// Which rule on organizations says no.
    pub enum OrganizationError {
        AlreadyRegistered = "already_registered", State, "this organization is already registered";
        NotRegistered = "not_registered", State, "this organization isn't registered";
        Closed = "closed", State, "this organization is closed";
    }
}

impl Aggregate for Organization {
    const TYPE: &'static str = "organization";
    const TOPIC: &'static str = "patient-events";
    type Command = OrganizationCommand;
    type Event = OrganizationEvent;
    type Error = OrganizationError;

    fn decide(&self, command: OrganizationCommand) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        match command {
            OrganizationCommand::Register { now, organization } => self.register(now, organization),
            OrganizationCommand::Rename { now, name } => self.rename(now, name),
            OrganizationCommand::Close { now, reason } => self.close(now, reason),
        }
    }

    fn evolve(self, event: &OrganizationEvent) -> Self {
        match (self, event) {
            (_, OrganizationEvent::OrganizationRegistered(registered)) => Self::Open { name: registered.organization.name.clone() },
            (Self::Open { .. }, OrganizationEvent::OrganizationRenamed(renamed)) => Self::Open { name: renamed.name.clone() },
            (Self::Open { .. }, OrganizationEvent::OrganizationClosed(_)) => Self::Closed,
            (state @ (Self::Absent | Self::Closed), OrganizationEvent::OrganizationRenamed(_) | OrganizationEvent::OrganizationClosed(_)) => state,
        }
    }

    fn subject(&self, _id: Uuid, _event: &OrganizationEvent) -> Subject {
        Subject::Audit
    }
}

impl Organization {
    fn register(&self, now: Instant, organization: NewOrganization) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        if *self != Self::Absent {
            return Err(OrganizationError::AlreadyRegistered);
        }
        Ok(vec![OrganizationRegistered { registered_at: now, organization }.into()])
    }

    fn rename(&self, now: Instant, name: Line) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        match self {
            Self::Absent => Err(OrganizationError::NotRegistered),
            Self::Closed => Err(OrganizationError::Closed),
            Self::Open { name: present } if *present == name => Ok(vec![]),
            Self::Open { .. } => Ok(vec![OrganizationRenamed { renamed_at: now, name }.into()]),
        }
    }

    fn close(&self, now: Instant, reason: Option<Text>) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        match self {
            Self::Absent => Err(OrganizationError::NotRegistered),
            Self::Closed => Ok(vec![]),
            Self::Open { .. } => Ok(vec![OrganizationClosed { closed_at: now, reason }.into()]),
        }
    }
}
