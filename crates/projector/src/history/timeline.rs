//! What happened, event by event?

use anamnesis_domain::{Instant, Opened, Recorded};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// An event as it is told.
#[derive(Clone, PartialEq, Serialize)]
pub struct Told {
    /// Its place in the log.
    pub position: u64,
    /// When it was logged: the time of "as of".
    pub logged_at: Instant,
    /// When the edge says it happened.
    pub recorded_at: Instant,
    /// The kind of its stream: `patient`, `appointment`, …
    pub aggregate_type: &'static str,
    /// Its stream.
    pub aggregate_id: Uuid,
    /// Its number in the stream.
    pub sequence: u64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its name: `PatientRegistered`.
    pub event_type: String,
    /// The account that asked for it.
    pub actor_id: Uuid,
    /// What belongs together across streams.
    pub correlation_id: Uuid,
    /// What it says, with identity numbers masked; none: it was erased.
    pub data: Option<Value>,
    /// Whether its subject's keys were destroyed, so that nobody can read it any more.
    pub erased: bool,
}

impl Told {
    /// Tells an event.
    pub fn of(event: &Recorded) -> Self {
        Self {
            position: event.position,
            logged_at: event.logged_at,
            recorded_at: event.recorded_at,
            aggregate_type: event.aggregate_type,
            aggregate_id: event.aggregate_id,
            sequence: event.sequence,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            actor_id: event.actor_id,
            correlation_id: event.correlation_id,
            data: event.event.value().and_then(|event| event.told().ok()),
            erased: event.event == Opened::Erased,
        }
    }
}

/// Where, not what.
impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Told({} at position {})", self.event_type, self.position)
    }
}
