//! What is an aggregate?

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{Event, Ground, Grounds, Instant, Refusal};

/// The rules of one kind of thing: a state folded from events, and a pure decision about the next ones.
///
/// `Default` is the state before the first event. `Serialize`/`DeserializeOwned` are for snapshots.
pub trait Aggregate: Default + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, as in stream ids, schemas and routes: `patient`, `appointment`, …
    const TYPE: &'static str;
    /// The Kafka topic its events go to.
    const TOPIC: &'static str;
    /// Changes with what the same events fold to, so that an older snapshot is passed over (`schemas/states.txt` watches over it).
    const SNAPSHOT_VERSION: u32 = 1;

    /// What can be asked for.
    type Command: Clone + Send + Sync;
    /// What can have happened.
    type Event: Event;
    /// Which rule says no.
    type Error: Refusal;

    /// What happens now, given what has happened before. An empty answer: it already holds. Where a decision has grounds, nothing is
    /// known of them here.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// What the decision on `command` rests on besides this state.
    fn grounds(&self, command: &Self::Command) -> Vec<Ground> {
        let _ = command;
        Vec::new()
    }

    /// What happens now, given what has happened before here and in [`Aggregate::grounds`].
    fn decide_on(&self, command: Self::Command, grounds: &Grounds) -> Result<Vec<Self::Event>, Self::Error> {
        let _ = grounds;
        self.decide(command)
    }

    /// The state after an event. Total: a fact can't be refused.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// Whose key seals `event`, which is the one that led to this state (`self` is the state *after* it).
    fn subject(&self, id: Uuid, event: &Self::Event) -> Subject;

    /// What `event` takes or gives back of the things that must be unique or free; `self` is the state *before* it.
    fn reservations(&self, id: Uuid, event: &Self::Event) -> Vec<Reservation> {
        let _ = (id, event);
        Vec::new()
    }
}

/// Whose data key seals an event: destroying that key erases the event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// A person or provider with a key of their own: the id of the patient, provider or account.
    Person(Uuid),
    /// The organization's audit key, which outlives every erasure.
    Audit,
    /// The organization's key for AI models.
    Models,
}

/// Something that only one stream may hold, taken or given back in the append's transaction.
#[derive(Clone, PartialEq)]
pub enum Reservation {
    /// Take a value that must be unique within the organization.
    Claim {
        /// Which kind of value: `patient-number`, `record-source`, …
        kind: &'static str,
        /// The normalised value; only its keyed hash is stored.
        value: String,
    },
    /// Give a value back.
    Release {
        /// Which kind of value.
        kind: &'static str,
        /// The normalised value.
        value: String,
    },
    /// Hold a time for every resource; replaces what this stream held before.
    Slot {
        /// `patient` or `provider`, with the id.
        resources: Vec<(&'static str, Uuid)>,
        /// Start, inclusive.
        start: Instant,
        /// End, exclusive.
        end: Instant,
    },
    /// Give back every time this stream holds.
    ReleaseSlots,
}

impl Reservation {
    /// A value of several parts, which no other parts make: `|` stands between them, within one (but the last) behind a backslash.
    pub(crate) fn joined<const N: usize>(parts: [&str; N]) -> String {
        let mut value = String::new();
        for (i, part) in parts.into_iter().enumerate() {
            if i + 1 == N {
                value.push_str(part);
            } else {
                value.push_str(&part.replace('\\', "\\\\").replace('|', "\\|"));
                value.push('|');
            }
        }
        value
    }
}

/// Says the kind only: a claimed value may be a person's number.
impl Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Claim { kind, .. } | Self::Release { kind, .. } => kind,
            Self::Slot { .. } | Self::ReleaseSlots => "slot",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parts_are_another_value() {
        assert_eq!(Reservation::joined(["lab.example", "a|b"]), "lab.example|a|b");
        let tricky = ["a", "a|b", "a\\", "a\\|b", "|", "\\", ""];
        let mut values: Vec<_> = tricky.iter().flat_map(|one| tricky.iter().map(|other| Reservation::joined([one, other]))).collect();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), tricky.len() * tricky.len());
    }
}
