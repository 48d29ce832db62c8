//! Where does a sealed value belong? Moved anywhere else, it doesn't open. (docs/formats.md, "Contexts")

use std::fmt;

use uuid::Uuid;

use crate::bytes::lp;

/// The place a value is bound to: all of it is authenticated, none of it is stored with the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Context(Vec<u8>);

/// The place of an event.
#[derive(Clone, Copy, Debug)]
pub struct EventContext<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// The kind of stream, `patient`.
    pub aggregate_type: &'a str,
    /// The stream.
    pub aggregate_id: Uuid,
    /// The event's number in its stream, from 1.
    pub sequence: u64,
    /// The event.
    pub event_id: Uuid,
    /// Its name, `PatientRegistered`.
    pub event_type: &'a str,
    /// The version of its schema.
    pub event_version: u32,
    /// CRC-64-AVRO of its schema, little-endian.
    pub fingerprint: [u8; 8],
    /// Whose key seals it: the payload's subject, or the metadata's for [`Context::metadata`].
    pub subject: Uuid,
}

/// The place of a column's value in a read model.
#[derive(Clone, Copy)]
pub struct ColumnContext<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// The table without its schema: a rebuilt read model is swapped in under the same name.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's primary key in its binary form.
    pub row_key: &'a [u8],
    /// Whose data it is.
    pub subject: Uuid,
}

/// The place of an aggregate's saved state.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotContext<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// The kind of stream.
    pub aggregate_type: &'a str,
    /// The stream.
    pub aggregate_id: Uuid,
    /// The last event folded into the state.
    pub sequence: u64,
    /// The version of the state's own shape.
    pub version: u32,
    /// Whose data it is.
    pub subject: Uuid,
}

/// The place of a cache entry.
#[derive(Clone, Copy)]
pub struct CacheContext<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// The cache, `patient`.
    pub cache: &'a str,
    /// The entry's key in it.
    pub key: &'a [u8],
    /// Whose data it is.
    pub subject: Uuid,
}

/// The place of one chunk of a stored file or of a backup.
#[derive(Clone, Copy)]
pub struct ChunkContext<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// The bucket of the object, or the backup.
    pub container: &'a str,
    /// The object's key, or the file inside the backup.
    pub name: &'a str,
    /// The chunk's number, from 0.
    pub chunk: u64,
    /// Whether no chunk follows, so that a shortened file is noticed.
    pub last: bool,
    /// Whose data it is.
    pub subject: Uuid,
}

impl Context {
    /// For an event's payload.
    pub fn event(event: &EventContext<'_>) -> Self {
        Self::of_event("event", event)
    }

    /// For an event's metadata (address, user agent, justification), with the metadata's own subject.
    pub fn metadata(event: &EventContext<'_>) -> Self {
        Self::of_event("metadata", event)
    }

    /// For a value in a read model.
    pub fn column(place: &ColumnContext<'_>) -> Self {
        Self::new("column", place.organization, |bytes| {
            lp(bytes, place.table.as_bytes());
            lp(bytes, place.column.as_bytes());
            lp(bytes, place.row_key);
            bytes.extend_from_slice(place.subject.as_bytes());
        })
    }

    /// For an aggregate's saved state.
    pub fn snapshot(place: &SnapshotContext<'_>) -> Self {
        Self::new("snapshot", place.organization, |bytes| {
            lp(bytes, place.aggregate_type.as_bytes());
            bytes.extend_from_slice(place.aggregate_id.as_bytes());
            bytes.extend_from_slice(&place.sequence.to_be_bytes());
            bytes.extend_from_slice(&place.version.to_be_bytes());
            bytes.extend_from_slice(place.subject.as_bytes());
        })
    }

    /// For a cache entry.
    pub fn cache(place: &CacheContext<'_>) -> Self {
        Self::new("cache", place.organization, |bytes| {
            lp(bytes, place.cache.as_bytes());
            lp(bytes, place.key);
            bytes.extend_from_slice(place.subject.as_bytes());
        })
    }

    /// For a chunk of a stored file.
    pub fn object(place: &ChunkContext<'_>) -> Self {
        Self::of_chunk("object", place)
    }

    /// For a chunk of a backup.
    pub fn backup(place: &ChunkContext<'_>) -> Self {
        Self::of_chunk("backup", place)
    }

    /// The context's bytes; sealing and opening append the key's id.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn under(&self, key_id: Uuid) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + 16);
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(key_id.as_bytes());
        bytes
    }

    fn of_event(kind: &str, event: &EventContext<'_>) -> Self {
        Self::new(kind, event.organization, |bytes| {
            lp(bytes, event.aggregate_type.as_bytes());
            bytes.extend_from_slice(event.aggregate_id.as_bytes());
            bytes.extend_from_slice(&event.sequence.to_be_bytes());
            bytes.extend_from_slice(event.event_id.as_bytes());
            lp(bytes, event.event_type.as_bytes());
            bytes.extend_from_slice(&event.event_version.to_be_bytes());
            bytes.extend_from_slice(&event.fingerprint);
            bytes.extend_from_slice(event.subject.as_bytes());
        })
    }

    fn of_chunk(kind: &str, place: &ChunkContext<'_>) -> Self {
        Self::new(kind, place.organization, |bytes| {
            lp(bytes, place.container.as_bytes());
            lp(bytes, place.name.as_bytes());
            bytes.extend_from_slice(&place.chunk.to_be_bytes());
            bytes.push(u8::from(place.last));
            bytes.extend_from_slice(place.subject.as_bytes());
        })
    }

    fn new(kind: &str, organization: Uuid, rest: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = Vec::with_capacity(192);
        lp(&mut bytes, kind.as_bytes());
        bytes.extend_from_slice(organization.as_bytes());
        rest(&mut bytes);
        Self(bytes)
    }
}

/// A row's or an entry's key may be a natural one, so nothing is shown.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(..)")
    }
}
