//! What does a reader of the log get? An event with its place, its time and who caused it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AnyEvent, Instant, redact::redacted};

/// An event as it stands in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its number in the total order, from 1.
    pub position: u64,
    /// When it was logged: never falls from one position to the next.
    pub logged_at: Instant,
    /// When the edge says it happened.
    pub recorded_at: Instant,
    /// The tenant.
    pub organization_id: Uuid,
    /// The kind of its stream.
    pub aggregate_type: &'static str,
    /// The id of its stream.
    pub aggregate_id: Uuid,
    /// Its number in its stream, from 1.
    pub sequence: u64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its name.
    pub event_type: String,
    /// Whose key seals it.
    pub subject_id: Uuid,
    /// The command it came from.
    pub command_id: Uuid,
    /// What belongs together across streams.
    pub correlation_id: Uuid,
    /// The event or command that caused it, if any.
    pub causation_id: Option<Uuid>,
    /// The account that asked for it.
    pub actor_id: Uuid,
    /// What happened.
    pub event: Opened<AnyEvent>,
    /// Where the request came from.
    pub origin: Opened<Origin>,
}

/// What is sealed is either opened, or its key is gone for ever.
#[derive(Clone, PartialEq, Debug)]
pub enum Opened<T> {
    /// Opened.
    Value(T),
    /// The subject's keys were destroyed.
    Erased,
}

impl<T> Opened<T> {
    /// The value, if it wasn't erased.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Erased => None,
        }
    }
}

/// Where a command came from. Identifies a person, so it is sealed, under the organization's audit key.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's address.
    pub ip_address: Option<String>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The session, by its id (never its token).
    pub session_id: Option<Uuid>,
    /// The request, as in the logs.
    pub request_id: Option<Uuid>,
    /// `POST /v1/patients`: the route, without ids or parameters.
    pub route: Option<String>,
    /// Purpose of use (HL7 v3 PurposeOfUse): `TREAT`, `HPAYMT`, `HOPERAT`, …
    pub purpose: Option<String>,
    /// Why, in the caller's own words.
    pub justification: Option<String>,
}

impl Origin {
    /// True when there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

redacted!(Origin);
