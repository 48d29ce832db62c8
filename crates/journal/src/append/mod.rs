//! What reaches the journal, and what becomes of it?
//!
//! Nothing in the clear: an event's payload and metadata are [`Sealed`] here, and no function takes them otherwise.

mod appender;
mod statement;
mod writer;

use anamnesis_domain::{Ground, Instant};
use anamnesis_vault::{NewKey, Sealed};
use uuid::Uuid;

pub(crate) use appender::Appender;
pub use appender::Appends;
pub(crate) use writer::{AppendError, Writer, is_the_server};

use crate::outcome::SlotKind;
use crate::row::RowHash;

/// What one command appends: a receipt in any case; events, claims and slots if it was accepted.
#[derive(Clone)]
pub(crate) struct Append {
    pub(crate) organization_id: Uuid,
    pub(crate) account_id: Uuid,
    /// The command as its receipt knows it; within a group not the one that its events name.
    pub(crate) receipt_id: Uuid,
    pub(crate) request_hash: [u8; 32],
    /// What the receipt says instead of "accepted".
    pub(crate) refusal: Option<String>,
    pub(crate) aggregate_type: &'static str,
    pub(crate) aggregate_id: Uuid,
    /// The stream's last sequence before it. `None`: it doesn't matter, as for a refusal.
    pub(crate) expected: Option<u64>,
    /// The stream's last sequence after it.
    pub(crate) last_sequence: u64,
    pub(crate) command_id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) causation_id: Option<Uuid>,
    pub(crate) recorded_at: Instant,
    /// A key that its events are sealed under and that is stored with them.
    pub(crate) new_key: Option<NewKey>,
    pub(crate) events: Vec<SealedEvent>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) slots: Slots,
    /// The streams that its decision rests on: none of them may have changed.
    pub(crate) grounds: Vec<Place>,
}

/// A stream, and how far it had come when it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) aggregate_type: &'static str,
    pub(crate) aggregate_id: Uuid,
    pub(crate) sequence: u64,
}

/// An event as it is stored.
#[derive(Clone)]
pub(crate) struct SealedEvent {
    pub(crate) sequence: u64,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: &'static str,
    pub(crate) event_version: u32,
    pub(crate) fingerprint: [u8; 8],
    pub(crate) subject_id: Uuid,
    pub(crate) metadata_subject_id: Uuid,
    pub(crate) payload: Sealed,
    /// `None`: there is nothing to say.
    pub(crate) metadata: Option<Sealed>,
    pub(crate) row_hash: RowHash,
}

/// A value that must be unique in its organization, as a keyed hash; taken or given back.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) takes: bool,
    pub(crate) kind: &'static str,
    pub(crate) key_version: u32,
    pub(crate) hash: [u8; 32],
}

/// The times that the stream holds from now on.
#[derive(Clone, Default)]
pub(crate) enum Slots {
    /// Those it held before.
    #[default]
    Unchanged,
    /// These instead of those it held before.
    Held(Vec<Slot>),
}

/// A time of one resource.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) kind: SlotKind,
    pub(crate) resource_id: Uuid,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It stands in the journal.
    Appended,
    /// It stood there before.
    Duplicate,
    /// Its stream isn't where the command expects it.
    Conflict,
    /// It claims a value of this kind that belongs to another stream.
    Taken(String),
    /// It takes a time that isn't free.
    SlotTaken(SlotKind),
    /// These keys, under which it is sealed, aren't usable any more.
    KeysGone(Vec<Uuid>),
    /// Nothing is wrong with it, but with another command of its group.
    HeldBack,
}

impl Slot {
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        (self.kind, self.resource_id) == (other.kind, other.resource_id) && self.start < other.end && other.start < self.end
    }
}

impl Append {
    /// What no two commands of a batch may share, hashed. That two different things share a hash only makes one wait.
    fn locks(&self) -> Vec<u64> {
        let organization = self.organization_id;
        let mut locks = vec![lock((organization, self.account_id, self.receipt_id))];
        if self.expected.is_some() {
            locks.push(lock((self.aggregate_type, self.aggregate_id)));
        }
        locks.extend(self.claims.iter().map(|claim| lock((organization, claim.kind, claim.key_version, claim.hash))));
        locks.extend(self.held_slots().map(|slot| lock((organization, slot.kind, slot.resource_id))));
        locks
    }

    /// What no other command of a batch may lock; any may share it.
    fn shares(&self) -> impl Iterator<Item = u64> {
        self.grounds.iter().map(|ground| lock((ground.aggregate_type, ground.aggregate_id)))
    }

    /// Where nothing happened, nothing rests on anything.
    pub(crate) fn rest_on(&mut self, grounds: Vec<Place>) {
        if !self.events.is_empty() {
            self.grounds = grounds;
        }
    }

    /// Whether decisions that are made at this moment may rest on the state that it changes.
    fn shakes_ground(&self) -> bool {
        self.expected.is_some_and(|expected| expected > 0) && Ground::is_of_type(self.aggregate_type)
    }

    pub(crate) fn held_slots(&self) -> impl Iterator<Item = &Slot> {
        match &self.slots {
            Slots::Unchanged => [].iter(),
            Slots::Held(slots) => slots.iter(),
        }
    }

    /// The keys that its events are sealed under.
    fn key_ids(&self) -> impl Iterator<Item = Uuid> {
        let keys_of = |event: &SealedEvent| [Some(event.payload.key_id()), event.metadata.as_ref().map(Sealed::key_id)];
        self.events.iter().flat_map(keys_of).flatten()
    }
}

fn lock(key: impl std::hash::Hash) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}
