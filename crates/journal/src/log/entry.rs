//! What stands at a position?

use anamnesis_domain::Instant;
use anamnesis_vault::Sealed;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use super::LogError;
use crate::row::{Entry, Row, RowHash};
use crate::tree::Hash;

/// An event as it is stored, sealed, with its place in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct SealedEntry {
    /// Its number in the total order, from 1.
    pub position: u64,
    /// When it was logged.
    pub logged_at: Instant,
    /// The tenant.
    pub organization_id: Uuid,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// The id of its stream.
    pub aggregate_id: Uuid,
    /// Its number in its stream, from 1.
    pub sequence: u64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its name.
    pub event_type: String,
    /// The version of its schema.
    pub event_version: u32,
    /// CRC-64-AVRO of its schema.
    pub fingerprint: [u8; 8],
    /// Whose key seals the payload.
    pub subject_id: Uuid,
    /// Whose audit key seals the metadata.
    pub metadata_subject_id: Uuid,
    /// When the edge says it happened.
    pub recorded_at: Instant,
    /// The command it came from.
    pub command_id: Uuid,
    /// What belongs together across streams.
    pub correlation_id: Uuid,
    /// The event or command that caused it, if any.
    pub causation_id: Option<Uuid>,
    /// The account that asked for it.
    pub actor_id: Uuid,
    /// The payload.
    pub payload: Sealed,
    /// Where the request came from; `None` when there is nothing to say.
    pub metadata: Option<Sealed>,
    /// The hash under which the log knows the event.
    pub row_hash: RowHash,
}

impl SealedEntry {
    /// The stored columns in their canonical form.
    pub fn row(&self) -> Row<'_> {
        Row {
            event_id: self.event_id,
            organization_id: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: self.event_version,
            fingerprint: self.fingerprint,
            subject_id: self.subject_id,
            metadata_subject_id: self.metadata_subject_id,
            recorded_at_us: self.recorded_at.micros(),
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            actor_id: self.actor_id,
            payload: self.payload.as_bytes(),
            metadata: self.metadata.as_ref().map_or(&[], Sealed::as_bytes),
        }
    }

    /// What the log says of the event.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            position: self.position,
            logged_at_us: self.logged_at.micros(),
            organization_id: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence,
            subject_id: self.subject_id,
            row_hash: self.row_hash,
        }
    }

    /// The entry's leaf in the tree.
    pub fn leaf(&self) -> Hash {
        self.entry().leaf()
    }

    /// How long its sealed parts are.
    pub fn sealed_bytes(&self) -> usize {
        self.payload.as_bytes().len() + self.metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len())
    }
}

/// A row of the log, and of the event if that is there.
pub(super) struct Stored {
    pub(super) position: i64,
    pub(super) logged_at: Instant,
    pub(super) organization_id: Uuid,
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: Uuid,
    pub(super) sequence: i64,
    pub(super) subject_id: Uuid,
    pub(super) row_hash: Vec<u8>,
    pub(super) event: Option<StoredEvent>,
}

pub(super) struct StoredEvent {
    pub(super) event_id: Uuid,
    pub(super) event_type: String,
    pub(super) event_version: i32,
    pub(super) fingerprint: Vec<u8>,
    pub(super) metadata_subject_id: Uuid,
    pub(super) recorded_at: Instant,
    pub(super) command_id: Uuid,
    pub(super) correlation_id: Uuid,
    pub(super) causation_id: Uuid,
    pub(super) actor_id: Uuid,
    pub(super) payload: Vec<u8>,
    pub(super) metadata: Vec<u8>,
}

impl FromRow<'_, PgRow> for Stored {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Self::from_columns(row, 0)
    }
}

impl Stored {
    /// From the columns of `journal.entries` in their order, of which the first is `first`: looking each of 22 up by its
    /// name would take longer than all else that is done with a row.
    fn from_columns(row: &PgRow, first: usize) -> sqlx::Result<Self> {
        let has_event = row.try_get::<Option<Uuid>, _>(first + 8)?.is_some();
        Ok(Self {
            position: row.try_get(first)?,
            logged_at: row.try_get::<DateTime<Utc>, _>(first + 1)?.into(),
            organization_id: row.try_get(first + 2)?,
            aggregate_type: row.try_get(first + 3)?,
            aggregate_id: row.try_get(first + 4)?,
            sequence: row.try_get(first + 5)?,
            subject_id: row.try_get(first + 6)?,
            row_hash: row.try_get(first + 7)?,
            event: has_event.then(|| StoredEvent::from_columns(row, first + 8)).transpose()?,
        })
    }

    pub(super) fn position(&self) -> u64 {
        self.position.cast_unsigned()
    }

    /// How much memory the sealed part takes.
    pub(super) fn sealed_bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.payload.len() + event.metadata.len())
    }
}

impl StoredEvent {
    fn from_columns(row: &PgRow, first: usize) -> sqlx::Result<Self> {
        Ok(Self {
            event_id: row.try_get(first)?,
            event_type: row.try_get(first + 1)?,
            event_version: row.try_get(first + 2)?,
            fingerprint: row.try_get(first + 3)?,
            metadata_subject_id: row.try_get(first + 4)?,
            recorded_at: row.try_get::<DateTime<Utc>, _>(first + 5)?.into(),
            command_id: row.try_get(first + 6)?,
            correlation_id: row.try_get(first + 7)?,
            causation_id: row.try_get(first + 8)?,
            actor_id: row.try_get(first + 9)?,
            payload: row.try_get(first + 10)?,
            metadata: row.try_get(first + 11)?,
        })
    }
}

impl TryFrom<Stored> for SealedEntry {
    type Error = LogError;

    fn try_from(stored: Stored) -> Result<Self, LogError> {
        let position = stored.position();
        let altered = |what| LogError::Altered { position, what };
        let event = stored.event.ok_or(altered("the event is missing"))?;
        Ok(Self {
            position,
            logged_at: stored.logged_at,
            organization_id: stored.organization_id,
            aggregate_type: stored.aggregate_type,
            aggregate_id: stored.aggregate_id,
            sequence: stored.sequence.cast_unsigned(),
            event_id: event.event_id,
            event_type: event.event_type,
            event_version: event.event_version.cast_unsigned(),
            fingerprint: event.fingerprint.try_into().map_err(|_| altered("its fingerprint doesn't have 8 bytes"))?,
            subject_id: stored.subject_id,
            metadata_subject_id: event.metadata_subject_id,
            recorded_at: event.recorded_at,
            command_id: event.command_id,
            correlation_id: event.correlation_id,
            causation_id: Some(event.causation_id).filter(|id| !id.is_nil()),
            actor_id: event.actor_id,
            payload: Sealed::from_stored(event.payload).map_err(|_| altered("its payload isn't sealed"))?,
            metadata: sealed_unless_empty(event.metadata).ok_or(altered("its metadata isn't sealed"))?,
            row_hash: RowHash::try_from(stored.row_hash.as_slice()).map_err(|_| altered("its hash doesn't have 32 bytes"))?,
        })
    }
}

#[expect(clippy::option_option, reason = "empty metadata is right; metadata that isn't sealed is not")]
fn sealed_unless_empty(metadata: Vec<u8>) -> Option<Option<Sealed>> {
    if metadata.is_empty() { Some(None) } else { Sealed::from_stored(metadata).ok().map(Some) }
}

/// What `read_after.sql` answers: the head, and an entry if there is one.
pub(super) struct UpToHead {
    head: i64,
    entry: Option<Stored>,
}

impl FromRow<'_, PgRow> for UpToHead {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let has_entry = row.try_get::<Option<i64>, _>(1)?.is_some();
        Ok(Self { head: row.try_get(0)?, entry: has_entry.then(|| Stored::from_columns(row, 1)).transpose()? })
    }
}

impl UpToHead {
    pub(super) fn sealed_bytes(&self) -> usize {
        self.entry.as_ref().map_or(0, Stored::sealed_bytes)
    }
}

/// The entries after `position`, if none is missing between it, them and the head.
pub(super) fn dense(position: u64, limit: u32, rows: Vec<UpToHead>) -> Result<Vec<SealedEntry>, LogError> {
    let head = rows.first().map_or(position, |row| row.head.cast_unsigned());
    let mut expected = position + 1;
    let mut entries = Vec::with_capacity(rows.len());
    for stored in rows.into_iter().filter_map(|row| row.entry) {
        if stored.position() != expected {
            return Err(LogError::Gap { expected });
        }
        entries.push(SealedEntry::try_from(stored)?);
        expected += 1;
    }
    let ends_early = entries.len() < limit as usize && expected <= head;
    if ends_early { Err(LogError::Gap { expected }) } else { Ok(entries) }
}

/// The entries of a stream after a sequence, if none is missing between them.
pub(super) fn dense_stream(after: u64, rows: Vec<Stored>) -> Result<Vec<SealedEntry>, LogError> {
    rows.into_iter()
        .zip(after + 1..)
        .map(|(stored, expected)| {
            if stored.sequence.cast_unsigned() == expected {
                SealedEntry::try_from(stored)
            } else {
                Err(LogError::StreamGap { aggregate_type: stored.aggregate_type, aggregate_id: stored.aggregate_id, expected })
            }
        })
        .collect()
}
