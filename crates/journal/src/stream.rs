//! What state is a stream in?

use anamnesis_codec::decode;
use anamnesis_domain::Aggregate;
use anamnesis_vault::{Context, EventContext, OpenKeys, Opened, Sealed, SnapshotContext};
use uuid::Uuid;

use crate::failure::Failure;

/// A row of a stream as it is stored: perhaps its snapshot, then the events after it.
pub(crate) enum Stored {
    Snapshot(StoredSnapshot),
    Event(StoredEvent),
}

impl Stored {
    pub(crate) fn organization_id(&self) -> Uuid {
        match self {
            Self::Snapshot(snapshot) => snapshot.organization_id,
            Self::Event(event) => event.organization_id,
        }
    }

    pub(crate) fn sealed(&self) -> &Sealed {
        match self {
            Self::Snapshot(snapshot) => &snapshot.state,
            Self::Event(event) => &event.payload,
        }
    }
}

/// The state up to a sequence.
pub(crate) struct StoredSnapshot {
    pub(crate) organization_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) version: u32,
    pub(crate) state: Sealed,
}

/// An event.
pub(crate) struct StoredEvent {
    pub(crate) organization_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: String,
    pub(crate) event_version: u32,
    pub(crate) fingerprint: [u8; 8],
    pub(crate) subject_id: Uuid,
    pub(crate) command_id: Uuid,
    pub(crate) payload: Sealed,
}

/// A state, and how far it has been folded.
#[derive(Clone)]
pub(crate) struct Folded<A> {
    pub(crate) state: A,
    pub(crate) sequence: u64,
    pub(crate) subjects: Subjects,
}

/// Whose events a state is made of: only one person's state may be kept as a snapshot, sealed under that person's key. What the
/// organization keeps for itself in that person's stream goes with it: of that, the snapshot is only a copy.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Subjects {
    #[default]
    None,
    One(Uuid),
    Several,
}

impl Subjects {
    #[must_use]
    pub(crate) fn and(self, subject: Uuid, organization: Uuid) -> Self {
        match self {
            Self::None => Self::One(subject),
            Self::One(_) if subject == organization => self,
            Self::One(same) if same == subject || same == organization => Self::One(subject),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}

impl<A: Aggregate> Folded<A> {
    /// The state before the first event.
    pub(crate) fn absent() -> Self {
        Self { state: A::default(), sequence: 0, subjects: Subjects::None }
    }

    /// The snapshot's state, if this build wrote it and its key still opens it.
    pub(crate) fn from_snapshot(id: Uuid, snapshot: &StoredSnapshot, keys: &OpenKeys) -> Option<Self> {
        let subject = keys.get(snapshot.state.key_id())?.owner().subject;
        let context = Context::snapshot(&SnapshotContext {
            organization: snapshot.organization_id,
            aggregate_type: A::TYPE,
            aggregate_id: id,
            sequence: snapshot.sequence,
            version: snapshot.version,
            subject,
        });
        let Ok(Opened::Value(state)) = keys.open(&context, &snapshot.state) else { return None };
        let state = serde_json::from_slice(&state).ok()?;
        Some(Self { state, sequence: snapshot.sequence, subjects: Subjects::One(subject) })
    }

    /// The state after the next event. One that was erased is passed over, unless it is the first: without the
    /// beginning there is no state.
    pub(crate) fn then(self, id: Uuid, stored: &StoredEvent, keys: &OpenKeys) -> Result<Self, Failure> {
        if stored.sequence != self.sequence + 1 {
            return Err(Failure::broken("an event is missing in the stream"));
        }
        let state = match open::<A>(id, stored, keys)? {
            Opened::Value(event) => self.state.evolve(&event),
            Opened::Erased if stored.sequence == 1 => return Err(Failure::Erased),
            Opened::Erased => self.state,
        };
        Ok(Self { state, sequence: stored.sequence, subjects: self.subjects.and(stored.subject_id, stored.organization_id) })
    }
}

/// Opens and decodes an event; an old version is lifted into the newest shape.
pub(crate) fn open<A: Aggregate>(id: Uuid, stored: &StoredEvent, keys: &OpenKeys) -> Result<Opened<A::Event>, Failure> {
    let context = Context::event(&EventContext {
        organization: stored.organization_id,
        aggregate_type: A::TYPE,
        aggregate_id: id,
        sequence: stored.sequence,
        event_id: stored.event_id,
        event_type: &stored.event_type,
        event_version: stored.event_version,
        fingerprint: stored.fingerprint,
        subject: stored.subject_id,
    });
    match keys.open(&context, &stored.payload)? {
        Opened::Erased => Ok(Opened::Erased),
        Opened::Value(bytes) => Ok(Opened::Value(decode::<A>(&stored.event_type, stored.event_version, stored.fingerprint, &bytes)?)),
    }
}
