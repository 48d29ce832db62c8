//! What has happened, in order?
//!
//! The log gives every event its position: dense, 1, 2, 3, … A reader keeps the last position it has seen and asks
//! for what comes after it. Positions can't be missing: whoever finds a gap stops with an error that names it.

mod backlog;
mod copied;
mod entry;
mod open;
mod place;
mod positions;
mod watch;

use std::time::Duration;

use anamnesis_domain::Instant;
use anamnesis_loops::Loops;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::{Executor as _, PgPool};
use tokio::sync::mpsc;
use uuid::Uuid;

pub use entry::SealedEntry;
use entry::Stored;
pub use open::{Unopened, Why, open};
pub use place::Place;
use positions::Positions;
use watch::Watch;

use crate::follower::{StoredTree, log_rows_after};
use crate::transaction;

/// The channel on which the sequencer tells the position that the log has reached.
pub(crate) const CHANNEL: &str = "anamnesis_log";

/// Whoever plans a page alone may find it cheaper to read and sort the rest of the log: for every page anew. So nothing
/// may be sorted as a whole, and the plan is made for the values it is run with. No event is asked for twice.
const PAGE_BY_PAGE: &str = "
    set local enable_seqscan = off;
    set local enable_bitmapscan = off;
    set local enable_sort = off;
    set local enable_memoize = off;
    set local max_parallel_workers_per_gather = 0;
    set local plan_cache_mode = force_custom_plan";

/// While anything is appended the log grows every few milliseconds.
const GROWS_WITHIN: Duration = Duration::from_millis(10);

/// A page in stream order ends early after so many bytes of payload: some events are documents.
const PAGE_BYTES: i64 = 8 << 20;

/// Where the log ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogHead {
    /// The last position; 0 while the log is empty.
    pub position: u64,
    /// Up to this instant the log is complete: whatever is logged later is logged at a later time.
    pub logged_at: Instant,
}

/// Why the log can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Postgres didn't answer, or refused.
    #[error("the log can't be read")]
    Database(#[from] sqlx::Error),
    /// A position is missing: nothing after it may be used.
    #[error("the log has a gap: position {expected} is missing")]
    Gap {
        /// The position that should have come.
        expected: u64,
    },
    /// A number is missing in a stream.
    #[error("the stream {aggregate_type}/{aggregate_id} has a gap: sequence {expected} is missing in the log")]
    StreamGap {
        /// The kind of stream.
        aggregate_type: String,
        /// The stream.
        aggregate_id: Uuid,
        /// The sequence that should have come.
        expected: u64,
    },
    /// The event that the log names is gone, or one of its columns can't be what was written.
    #[error("the event at position {position} is not what was logged: {what}")]
    Altered {
        /// Where.
        position: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// The log, for readers. Cheap to clone; all clones share one listening connection, opened when somebody first waits.
#[derive(Clone, Debug)]
pub struct Log {
    pool: PgPool,
    watch: Watch,
    positions: Positions,
}

impl Log {
    /// The log in the database that `pool` leads to.
    pub fn new(pool: PgPool) -> Self {
        Self::watched(pool, Loops::default())
    }

    /// As [`Log::new`]; the task that listens is one of these loops.
    pub fn watched(pool: PgPool, loops: Loops) -> Self {
        let (watch, positions) = (Watch::new(pool.clone(), loops.clone()), Positions::new(pool.clone(), loops));
        Self { pool, watch, positions }
    }

    /// The tree over this log.
    pub fn tree(&self) -> StoredTree {
        StoredTree::new(self.pool.clone())
    }

    /// Where the log ends now.
    pub async fn head(&self) -> Result<LogHead, LogError> {
        Ok(head(&self.pool).await?)
    }

    /// The last position at that instant, for ever the same; `None` while the log's own time hasn't reached it.
    pub async fn position_at(&self, time: Instant) -> Result<Option<u64>, LogError> {
        let position: Option<i64> =
            sqlx::query_scalar("select journal.position_at($1)").bind(DateTime::<Utc>::from(time)).fetch_one(&self.pool).await?;
        Ok(position.map(i64::cast_unsigned))
    }

    /// The position of one event; `None` while it waits in the queue, or isn't there at all.
    pub async fn position_of(&self, aggregate_type: &str, aggregate_id: Uuid, sequence: u64) -> Result<Option<u64>, LogError> {
        let position: Option<i64> =
            sqlx::query_scalar("select position from journal.log where aggregate_type = $1 and aggregate_id = $2 and sequence = $3")
                .bind(aggregate_type)
                .bind(aggregate_id)
                .bind(sequence.cast_signed())
                .fetch_optional(&self.pool)
                .await?;
        Ok(position.map(i64::cast_unsigned))
    }

    /// As [`Log::position_of`], waiting for an event that is still in the queue; `None` when `timeout` passed before.
    pub async fn position_within(&self, aggregate_type: &str, aggregate_id: Uuid, sequence: u64, timeout: Duration) -> Result<Option<u64>, LogError> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            // known before it is looked for, so that what comes in between isn't waited for
            let known = self.watch.latest().position;
            let position = self.looked_up(aggregate_type, aggregate_id, sequence).await?;
            if position.is_some() {
                return Ok(position);
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if self.watch.reached(left, |head| head.position > known).await.is_none() {
                return self.looked_up(aggregate_type, aggregate_id, sequence).await;
            }
        }
    }

    /// As [`Log::position_within`], for an event that was appended this moment: it isn't looked for before the log has grown, for until then it is
    /// hardly ever there.
    pub async fn position_soon(&self, aggregate_type: &str, aggregate_id: Uuid, sequence: u64, timeout: Duration) -> Result<Option<u64>, LogError> {
        let (began, known) = (tokio::time::Instant::now(), self.watch.latest().position);
        self.watch.reached(timeout.min(GROWS_WITHIN), |head| head.position > known).await;
        self.position_within(aggregate_type, aggregate_id, sequence, timeout.saturating_sub(began.elapsed())).await
    }

    async fn looked_up(&self, aggregate_type: &str, aggregate_id: Uuid, sequence: u64) -> Result<Option<u64>, LogError> {
        match self.positions.of((aggregate_type.to_owned(), aggregate_id, sequence)).await {
            Some(position) => Ok(position),
            // who asks alone is told why
            None => self.position_of(aggregate_type, aggregate_id, sequence).await,
        }
    }

    /// Whether any event of that kind is committed and still waits for its position.
    pub async fn is_awaited(&self, organization: Uuid, aggregate_type: &str) -> Result<bool, LogError> {
        let sql = "select exists (select from journal.unsequenced where organization_id = $1 and aggregate_type = $2)";
        Ok(sqlx::query_scalar(sql).bind(organization).bind(aggregate_type).fetch_one(&self.pool).await?)
    }

    /// The entries directly after a position: `limit` of them, or all up to the log's end.
    pub async fn read_after(&self, position: u64, limit: u32) -> Result<Vec<SealedEntry>, LogError> {
        self.read_after_within(position, limit, usize::MAX).await
    }

    /// As [`Log::read_after`], but no more than the first entries that together reach so many sealed bytes.
    pub async fn read_after_within(&self, position: u64, limit: u32, bytes: usize) -> Result<Vec<SealedEntry>, LogError> {
        let mut rows = sqlx::query_as::<_, entry::UpToHead>(include_str!("read_after.sql"))
            .bind(position.cast_signed())
            .bind(i64::from(limit))
            .fetch(&self.pool);
        let (mut read, mut size) = (vec![], 0);
        while let Some(row) = rows.try_next().await? {
            size += row.sealed_bytes();
            read.push(row);
            if size >= bytes {
                let limit = u32::try_from(read.len()).unwrap_or(u32::MAX);
                return entry::dense(position, limit, read);
            }
        }
        entry::dense(position, limit, read)
    }

    /// Sends what comes after a position, page by page: `limit` entries in each, or the first that together reach so many sealed
    /// bytes. For a backlog: it takes a connection of its own, and ends after some ten thousand entries, at the log's end, or when
    /// nobody wants more pages. Answers the last position that it sent.
    pub async fn copy_after(&self, position: u64, limit: u32, bytes: usize, pages: &mpsc::Sender<Vec<SealedEntry>>) -> Result<u64, LogError> {
        backlog::copy_after(&self.pool, position, limit as usize, bytes, pages).await
    }

    /// What stands directly after a position, without the events: `limit` places, or all up to the log's end.
    pub async fn places_after(&self, position: u64, limit: u32) -> Result<Vec<Place>, LogError> {
        place::dense(position, log_rows_after(&self.pool, position, limit).await?)
    }

    /// The entries at these positions, which rise; all of them must be there.
    pub async fn at(&self, positions: &[u64]) -> Result<Vec<SealedEntry>, LogError> {
        self.at_within(positions, usize::MAX).await
    }

    /// As [`Log::at`], but no more than the first entries that together reach so many sealed bytes.
    pub async fn at_within(&self, positions: &[u64], bytes: usize) -> Result<Vec<SealedEntry>, LogError> {
        let wanted: Vec<_> = positions.iter().map(|position| position.cast_signed()).collect();
        let mut rows = sqlx::query_as::<_, Stored>(include_str!("at_positions.sql")).bind(wanted).fetch(&self.pool);
        let (mut entries, mut size) = (vec![], 0);
        for expected in positions {
            let stored = rows.try_next().await?.ok_or(LogError::Gap { expected: *expected })?;
            size += stored.sealed_bytes();
            let entry = SealedEntry::try_from(stored)?;
            if entry.position != *expected {
                return Err(LogError::Gap { expected: *expected });
            }
            entries.push(entry);
            if size >= bytes {
                break;
            }
        }
        Ok(entries)
    }

    /// What the log says about one subject after a position and up to another, in order: at most `limit` entries.
    pub async fn of_subject(&self, subject: Uuid, after: u64, up_to: u64, limit: u32) -> Result<Vec<SealedEntry>, LogError> {
        let rows: Vec<Stored> = sqlx::query_as(include_str!("of_subject.sql"))
            .bind(subject)
            .bind(after.cast_signed())
            .bind(up_to.cast_signed())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(SealedEntry::try_from).collect()
    }

    /// The entries of one stream directly after a sequence (from 0), in order: at most `limit`.
    pub async fn of_stream(&self, aggregate_type: &str, aggregate_id: Uuid, after: u64, limit: u32) -> Result<Vec<SealedEntry>, LogError> {
        let rows: Vec<Stored> = sqlx::query_as(include_str!("of_stream.sql"))
            .bind(aggregate_type)
            .bind(aggregate_id)
            .bind(after.cast_signed())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        entry::dense_stream(after, rows)
    }

    /// The entries of all streams of these kinds, stream by stream, as the log had them at position `up_to`: at most
    /// `limit`, fewer when they are long, none at the end; after the entry that the page before ended with.
    ///
    /// A page can't tell whether a whole stream is missing: compare the entries that came with [`Log::count_of`].
    pub async fn in_stream_order(
        &self,
        aggregate_types: &[&str],
        after: Option<&SealedEntry>,
        up_to: u64,
        limit: u32,
    ) -> Result<Vec<SealedEntry>, LogError> {
        let mut tx = transaction::begin_as(&self.pool, "begin read only").await?;
        tx.execute(PAGE_BY_PAGE).await?;
        let rows: Vec<Stored> = sqlx::query_as(include_str!("in_stream_order.sql"))
            .bind(aggregate_types)
            .bind(after.map_or(Uuid::nil(), |entry| entry.aggregate_id))
            .bind(after.map_or(0, |entry| entry.sequence.cast_signed()))
            .bind(after.map_or("", |entry| &entry.aggregate_type))
            .bind(up_to.cast_signed())
            .bind(i64::from(limit))
            .bind(PAGE_BYTES)
            .fetch_all(&mut *tx)
            .await?;
        // nothing was written, so nobody waits for its end
        drop(tx);
        rows.into_iter().map(SealedEntry::try_from).collect()
    }

    /// How many events of these kinds the log had at a position; fails if a position before it is missing.
    pub async fn count_of(&self, aggregate_types: &[&str], up_to: u64) -> Result<u64, LogError> {
        let sql = "select count(*), count(*) filter (where aggregate_type = any($1)) from journal.log where position <= $2";
        let (all, of_these): (i64, i64) = sqlx::query_as(sql).bind(aggregate_types).bind(up_to.cast_signed()).fetch_one(&self.pool).await?;
        if all.cast_unsigned() == up_to { Ok(of_these.cast_unsigned()) } else { Err(LogError::Gap { expected: self.first_missing().await? }) }
    }

    async fn first_missing(&self) -> Result<u64, LogError> {
        let sql = "select coalesce(min(before.position), 0) + 1
                   from (select 0 as position union all select position from journal.log) as before
                   where not exists (select from journal.log as next where next.position = before.position + 1)";
        let position: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(position.cast_unsigned())
    }

    /// How long ago what comes after each of these positions was logged; `None` where nothing does.
    pub async fn waiting_since(&self, positions: &[u64]) -> Result<Vec<Option<Duration>>, LogError> {
        let positions: Vec<_> = positions.iter().map(|position| position.cast_signed()).collect();
        let seconds: Vec<Option<f64>> = sqlx::query_scalar(
            "select (select extract(epoch from clock_timestamp() - logged_at)::float8 from journal.log where position = reached + 1)
             from unnest($1) with ordinality as consumer (reached, number)
             order by number",
        )
        .bind(positions)
        .fetch_all(&self.pool)
        .await?;
        Ok(seconds.into_iter().map(|seconds| seconds.map(duration)).collect())
    }

    /// How long ago the last event of a stream that isn't after a position was logged; `None` if it isn't among the stream's
    /// last thousand.
    pub async fn since_last_of(&self, aggregate_type: &str, aggregate_id: Uuid, up_to: u64) -> Result<Option<Duration>, LogError> {
        let seconds: Option<f64> = sqlx::query_scalar(
            "select extract(epoch from clock_timestamp() - logged_at)::float8
             from (select position, logged_at
                   from journal.log
                   where aggregate_type = $1
                     and aggregate_id = $2
                   order by sequence desc
                   limit 1000) as last
             where position <= $3
             order by position desc
             limit 1",
        )
        .bind(aggregate_type)
        .bind(aggregate_id)
        .bind(up_to.cast_signed())
        .fetch_optional(&self.pool)
        .await?;
        Ok(seconds.map(duration))
    }

    /// Waits until the log has reached a position; the head then, or `None` when `timeout` passed before.
    pub async fn wait_for(&self, position: u64, timeout: Duration) -> Option<LogHead> {
        self.watch.reached(timeout, |head| head.position >= position).await
    }

    /// Waits until the log's time has reached an instant, so that `position_at` can answer.
    pub async fn wait_until(&self, time: Instant, timeout: Duration) -> Option<LogHead> {
        self.watch.reached(timeout, |head| head.logged_at >= time).await
    }
}

/// The database's clock may have been set back: that long ago is now.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

pub(crate) async fn head(db: impl sqlx::PgExecutor<'_>) -> sqlx::Result<LogHead> {
    let (position, logged_at): (i64, DateTime<Utc>) = sqlx::query_as("select position, logged_at from journal.head").fetch_one(db).await?;
    Ok(LogHead { position: position.cast_unsigned(), logged_at: logged_at.into() })
}
