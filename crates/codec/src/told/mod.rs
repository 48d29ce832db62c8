//! How is an event told to those who read JSON? As one object: a line of `anamnesis replay`, a message of a stream.

mod deidentify;

use anamnesis_domain::{Opened, Recorded, topic_of};
use serde_json::{Map, Value, json};

use crate::CodecError;
pub use deidentify::Deidentifier;

/// What of an event is told.
pub enum Telling {
    /// Everything: whom it is about, who did it, what it says; only identity numbers are masked.
    Identified,
    /// What identifies nobody.
    Deidentified(Deidentifier),
}

impl Telling {
    /// Tells an event. An erased one is there, and says nothing.
    pub fn tell(&self, event: &Recorded) -> Result<Map<String, Value>, CodecError> {
        match self {
            Self::Identified => identified(event),
            Self::Deidentified(deidentifier) => deidentifier.tell(event),
        }
    }

    /// Whether it tells who somebody is: then telling it is an access.
    pub fn is_identified(&self) -> bool {
        matches!(self, Self::Identified)
    }
}

fn identified(event: &Recorded) -> Result<Map<String, Value>, CodecError> {
    let mut told = envelope(event);
    told.insert("aggregateId".to_owned(), json!(event.aggregate_id));
    told.insert("eventId".to_owned(), json!(event.event_id));
    told.insert("subjectId".to_owned(), json!(event.subject_id));
    told.insert("timestamp".to_owned(), json!(event.logged_at));
    told.insert("userId".to_owned(), json!(event.actor_id));
    told.insert("data".to_owned(), payload(event)?);
    Ok(told)
}

/// What identifies nobody.
fn envelope(event: &Recorded) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("position".to_owned(), json!(event.position));
    told.insert("topic".to_owned(), json!(topic_of(event.aggregate_type)));
    told.insert("aggregateType".to_owned(), json!(event.aggregate_type));
    told.insert("sequence".to_owned(), json!(event.sequence));
    told.insert("eventType".to_owned(), json!(event.event_type));
    told.insert("erased".to_owned(), json!(event.event == Opened::Erased));
    told
}

fn payload(event: &Recorded) -> Result<Value, CodecError> {
    let Opened::Value(happened) = &event.event else { return Ok(Value::Null) };
    let kind = happened.kind();
    happened.told().map_err(|_| CodecError::NotWritable { name: kind.name, version: kind.version })
}
