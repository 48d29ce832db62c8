//! Which bytes of a stored event does the log prove?
//!
//! A *row* is every stored column of an event but `arrival`; a log *entry* ties the row's hash to a position and an
//! instant; the entry's hash is a leaf of the tree. The formats are frozen by `docs/formats/rows.json`: a change is a
//! new version byte, and the old one stays readable for ever.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::tree::Hash;

const VERSION: u8 = 1;

/// The stored columns of one event, in their canonical order.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The event's own id.
    pub event_id: Uuid,
    /// The tenant.
    pub organization_id: Uuid,
    /// The kind of stream.
    pub aggregate_type: &'a str,
    /// The stream within its kind.
    pub aggregate_id: Uuid,
    /// The event's number in its stream, from 1.
    pub sequence: u64,
    /// The event's name.
    pub event_type: &'a str,
    /// The version of the event's schema.
    pub event_version: u32,
    /// The schema's CRC-64-AVRO, as in Avro's single-object encoding.
    pub fingerprint: [u8; 8],
    /// Whose data key seals the payload.
    pub subject_id: Uuid,
    /// Whose data key seals the metadata.
    pub metadata_subject_id: Uuid,
    /// The edge's clock, microseconds since 1970 UTC.
    pub recorded_at_us: i64,
    /// The command that asked for the event.
    pub command_id: Uuid,
    /// The conversation it belongs to.
    pub correlation_id: Uuid,
    /// The event that caused it, if any.
    pub causation_id: Option<Uuid>,
    /// Who acted.
    pub actor_id: Uuid,
    /// The sealed payload.
    pub payload: &'a [u8],
    /// The sealed metadata.
    pub metadata: &'a [u8],
}

impl Row<'_> {
    /// The hash under which the log knows this row.
    pub fn hash(&self) -> RowHash {
        let mut sha = Sha256::new();
        self.feed(&mut |bytes| sha.update(bytes));
        RowHash(sha.finalize().into())
    }

    /// The canonical bytes, for whoever wants to hash them independently.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.feed(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    fn feed(&self, put: &mut impl FnMut(&[u8])) {
        put(&[VERSION]);
        put(self.event_id.as_bytes());
        put(self.organization_id.as_bytes());
        put_text(put, self.aggregate_type);
        put(self.aggregate_id.as_bytes());
        put(&self.sequence.to_be_bytes());
        put_text(put, self.event_type);
        put(&self.event_version.to_be_bytes());
        put(&self.fingerprint);
        put(self.subject_id.as_bytes());
        put(self.metadata_subject_id.as_bytes());
        put(&self.recorded_at_us.to_be_bytes());
        put(self.command_id.as_bytes());
        put(self.correlation_id.as_bytes());
        put(self.causation_id.unwrap_or_default().as_bytes());
        put(self.actor_id.as_bytes());
        put(&Sha256::digest(self.payload));
        put(&Sha256::digest(self.metadata));
    }
}

/// What the log says of one event.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The event's dense number in the log, from 1. It is leaf `position - 1` of the tree.
    pub position: u64,
    /// The sequencer's clock, microseconds since 1970 UTC.
    pub logged_at_us: i64,
    /// The tenant.
    pub organization_id: Uuid,
    /// The kind of stream.
    pub aggregate_type: &'a str,
    /// The stream within its kind.
    pub aggregate_id: Uuid,
    /// The event's number in its stream, from 1.
    pub sequence: u64,
    /// Whose data key seals the payload.
    pub subject_id: Uuid,
    /// The row that stands here.
    pub row_hash: RowHash,
}

impl Entry<'_> {
    /// The entry's leaf in the tree.
    pub fn leaf(&self) -> Hash {
        let mut sha = Sha256::new_with_prefix([Hash::LEAF]);
        self.feed(&mut |bytes| sha.update(bytes));
        Hash::from(<[u8; 32]>::from(sha.finalize()))
    }

    /// The canonical bytes. They show who has how many events: for auditors only.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.feed(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    fn feed(&self, put: &mut impl FnMut(&[u8])) {
        put(&[VERSION]);
        put(&self.position.to_be_bytes());
        put(&self.logged_at_us.to_be_bytes());
        put(self.organization_id.as_bytes());
        put_text(put, self.aggregate_type);
        put(self.aggregate_id.as_bytes());
        put(&self.sequence.to_be_bytes());
        put(self.subject_id.as_bytes());
        put(&self.row_hash.0);
    }
}

/// The SHA-256 of a row's canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowHash([u8; 32]);

impl RowHash {
    /// The 32 bytes, as they are stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for RowHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for RowHash {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Display for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hash::from(self.0).fmt(f)
    }
}

impl fmt::Debug for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowHash({self})")
    }
}

/// Length first, so that no two rows can share their bytes.
fn put_text(put: &mut impl FnMut(&[u8]), text: &str) {
    let length = u32::try_from(text.len()).expect("a type's name is far shorter than 4 GiB");
    put(&length.to_be_bytes());
    put(text.as_bytes());
}
