//! What became of a command?

use std::fmt;

use anamnesis_domain::Aggregate;
use uuid::Uuid;

/// A command's events stand in the journal, or it had no need of any.
#[derive(Clone)]
pub struct Committed<A: Aggregate> {
    /// The stream.
    pub aggregate_id: Uuid,
    /// The stream's last event after the command; 0 if it has none.
    pub sequence: u64,
    /// What happened, in order. Empty: it held already.
    pub events: Vec<CommittedEvent<A::Event>>,
    /// True when the command had been carried out before and this is the answer it got then.
    pub replayed: bool,
}

/// One event of a command, with its place in the stream.
#[derive(Clone, PartialEq, Debug)]
pub struct CommittedEvent<E> {
    /// Its own id.
    pub event_id: Uuid,
    /// Its number in its stream, from 1.
    pub sequence: u64,
    /// What happened.
    pub event: E,
}

impl<A: Aggregate> fmt::Debug for Committed<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Committed({} {} at {}, {} events, replayed: {})", A::TYPE, self.aggregate_id, self.sequence, self.events.len(), self.replayed)
    }
}

/// Why a command had no effect. None of these says anything about a person.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E> {
    /// The rules say no. The receipt keeps it: the same command id gets the same answer.
    #[error("{0}")]
    Refused(E),
    /// Others kept changing the stream, in every attempt.
    #[error("others are changing the same thing; try again")]
    Conflict,
    /// The stream isn't at the sequence that the caller has seen.
    #[error("it has changed since: it is at {actual}")]
    Expected {
        /// Where it is.
        actual: u64,
    },
    /// The command id was used before, with another request.
    #[error("this command id was used for another request")]
    SameKeyOtherRequest,
    /// A value that must be unique belongs to another stream. The receipt keeps it.
    #[error("this {kind} belongs to another already")]
    Taken {
        /// Which kind of value: `patient-number`, …
        kind: String,
    },
    /// The time isn't free. The receipt keeps it.
    #[error("the {kind} has another appointment at that time")]
    SlotTaken {
        /// Whose time.
        kind: SlotKind,
    },
    /// Its subject's keys were destroyed: it can't be read any more, so nothing can be decided about it.
    #[error("it was erased")]
    Erased,
    /// There is no such stream in the caller's organization.
    #[error("there is no such thing")]
    NotFound,
    /// Postgres or the key provider doesn't answer. The command may have been carried out: ask again with the same id.
    #[error("the journal doesn't answer at the moment; ask again with the same command id")]
    Unavailable(#[source] anyhow::Error),
    /// We are broken.
    #[error("the journal failed")]
    Internal(#[source] anyhow::Error),
}

/// Whose time a slot takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SlotKind {
    /// A patient's.
    Patient,
    /// A provider's.
    Provider,
}

impl SlotKind {
    /// The text under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Provider => "provider",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Patient, Self::Provider].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
