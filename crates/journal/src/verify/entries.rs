//! Does the log go on without a gap, and is each entry its event's?

use anamnesis_domain::Instant;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::tree::TreeCheck;
use super::{Depth, Finding, Findings};
use crate::follower::{LogRow, log_rows_after};
use crate::log::LogHead;
use crate::row::{Row, RowHash};
use crate::tree::Hash;

/// Entries in a chunk. Payloads are some hundred bytes; a few of a megabyte do no harm.
const CHUNK: u32 = 2_000;

/// An event as it is stored, every column of it, with the position that the log gives it.
#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    position: Option<i64>,
    arrival: i64,
    organization_id: Uuid,
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: Uuid,
    pub(super) sequence: i64,
    event_id: Uuid,
    event_type: String,
    event_version: i32,
    fingerprint: Vec<u8>,
    subject_id: Uuid,
    metadata_subject_id: Uuid,
    recorded_at: DateTime<Utc>,
    command_id: Uuid,
    correlation_id: Uuid,
    causation_id: Uuid,
    actor_id: Uuid,
    payload: Vec<u8>,
    metadata: Vec<u8>,
    row_hash: Vec<u8>,
}

impl EventRow {
    /// Whether the stored hash is that of all other columns (but `arrival`, which is in none).
    pub(super) fn fits_its_hash(&self) -> bool {
        self.hash().is_some_and(|hash| hash.as_bytes()[..] == self.row_hash)
    }

    fn hash(&self) -> Option<RowHash> {
        let row = Row {
            event_id: self.event_id,
            organization_id: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence.cast_unsigned(),
            event_type: &self.event_type,
            event_version: self.event_version.cast_unsigned(),
            fingerprint: self.fingerprint.as_slice().try_into().ok()?,
            subject_id: self.subject_id,
            metadata_subject_id: self.metadata_subject_id,
            recorded_at_us: self.recorded_at.timestamp_micros(),
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            causation_id: Some(self.causation_id),
            actor_id: self.actor_id,
            payload: &self.payload,
            metadata: &self.metadata,
        };
        Some(row.hash())
    }
}

struct Chunk {
    entries: Vec<LogRow>,
    /// None when they aren't looked at.
    events: Option<Vec<EventRow>>,
}

/// What the whole log holds.
pub(super) struct Checked {
    pub(super) count: u64,
    pub(super) logged_at: Option<Instant>,
}

/// Goes through the log up to `head`; the next chunk is read while this one is checked.
pub(super) async fn check(
    pool: &PgPool,
    head: LogHead,
    depth: Depth,
    tree: &mut TreeCheck<'_>,
    findings: &mut Findings,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> sqlx::Result<Checked> {
    let mut order = Order { last: 0, logged_at: DateTime::<Utc>::MIN_UTC };
    let mut count = 0;
    let mut next = read(pool, 0, head, depth);
    loop {
        let chunk = next.await.map_err(sqlx::Error::decode)??;
        let Some(last) = chunk.entries.last() else { break };
        next = read(pool, last.position.cast_unsigned(), head, depth);
        count += chunk.entries.len() as u64;
        let checking = tokio::task::spawn_blocking(move || chunk.check(order));
        let checked = checking.await.map_err(sqlx::Error::decode)?;
        for finding in checked.findings {
            findings.exactly(finding);
        }
        order = checked.last;
        tree.grow(checked.leaves, findings).await?;
        progress(order.last, head.position);
    }
    if order.last < head.position {
        let first = order.last + 1;
        findings.at(first, format!("the log's end is missing, from here to position {}", head.position));
    }
    Ok(Checked { count, logged_at: (count > 0).then(|| order.logged_at.into()) })
}

/// The head must be the log's end; in one snapshot, because both move.
pub(super) async fn check_end(pool: &PgPool, findings: &mut Findings) -> sqlx::Result<()> {
    let (beyond, later): (Option<i64>, Option<i64>) = sqlx::query_as(
        "select
            (select min(log.position) from journal.log where log.position > head.position),
            (select log.position from journal.log where log.position = head.position and log.logged_at > head.logged_at)
         from journal.head",
    )
    .fetch_one(pool)
    .await?;
    if let Some(position) = beyond {
        findings.at(position.cast_unsigned(), "the log goes on beyond its head");
    }
    if let Some(position) = later {
        findings.at(position.cast_unsigned(), "it was logged after the time that the log's head has reached");
    }
    Ok(())
}

fn read(pool: &PgPool, after: u64, head: LogHead, depth: Depth) -> JoinHandle<sqlx::Result<Chunk>> {
    let pool = pool.clone();
    tokio::spawn(async move {
        let wanted = u32::try_from(head.position.saturating_sub(after)).unwrap_or(u32::MAX).min(CHUNK);
        let mut entries = log_rows_after(&pool, after, wanted).await?;
        entries.retain(|entry| entry.position.cast_unsigned() <= head.position);
        let events = match (depth, entries.last()) {
            (Depth::Full, Some(last)) => Some(read_events(&pool, after, last.position).await?),
            (Depth::Full | Depth::Log, _) => None,
        };
        Ok(Chunk { entries, events })
    })
}

async fn read_events(pool: &PgPool, after: u64, up_to: i64) -> sqlx::Result<Vec<EventRow>> {
    sqlx::query_as(include_str!("events_of_log.sql")).bind(after.cast_signed()).bind(up_to).fetch_all(pool).await
}

/// What the entry before was.
#[derive(Clone, Copy)]
struct Order {
    last: u64,
    logged_at: DateTime<Utc>,
}

/// What a chunk holds.
struct CheckedChunk {
    /// With their positions; none where the log holds no hash.
    leaves: Vec<(u64, Option<Hash>)>,
    findings: Vec<Finding>,
    last: Order,
}

impl Chunk {
    fn check(self, mut order: Order) -> CheckedChunk {
        let (mut leaves, mut findings) = (Vec::with_capacity(self.entries.len()), vec![]);
        let mut events = self.events.map(|events| events.into_iter().peekable());
        for entry in self.entries {
            let position = entry.position.cast_unsigned();
            if position != order.last + 1 {
                let what = format!("the log has a gap, from here to position {}", position - 1);
                findings.push(Finding::at(order.last + 1, what));
            }
            if entry.logged_at < order.logged_at {
                findings.push(Finding::at(order.last, "its time, or that of the entry after it, was changed: time falls between them"));
            }
            let mut wrong = |what| findings.push(entry.finding(what));
            if let Some(events) = &mut events {
                match events.next_if(|event| event.position == Some(entry.position)) {
                    Some(event) => entry.differences(&event).into_iter().for_each(wrong),
                    None => wrong("its event is gone"),
                }
            }
            leaves.push((position, entry.leaf()));
            order = Order { last: position, logged_at: entry.logged_at };
        }
        CheckedChunk { leaves, findings, last: order }
    }
}

impl LogRow {
    fn finding(&self, what: &str) -> Finding {
        Finding {
            position: Some(self.position.cast_unsigned()),
            stream: Some((self.aggregate_type.clone(), self.aggregate_id)),
            sequence: Some(self.sequence.cast_unsigned()),
            what: what.to_owned(),
        }
    }

    /// What the log and the event say differently.
    fn differences(&self, event: &EventRow) -> Vec<&'static str> {
        let checks = [
            (event.fits_its_hash(), "the event was altered: its columns don't fit its row hash"),
            (event.row_hash == self.row_hash, "the event's row hash isn't the one in the log"),
            (event.organization_id == self.organization_id, "the event is of another organization than the log says"),
            (event.subject_id == self.subject_id, "the event is of another subject than the log says"),
            (event.arrival == self.arrival, "the event arrived under another number than the log says"),
        ];
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
    }
}
