//! What do operators see of parked streams, and what can they ask for?
//!
//! They change no row and no checkpoint: only who moves a checkpoint may, so that nothing is folded twice. They ask, and see
//! what became of it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::parking::Stream;

/// A stream that a projection has parked, or before which it stands still.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Parked {
    /// The projection.
    #[sqlx(rename = "consumer")]
    pub projection: String,
    /// The kind of the stream.
    pub aggregate_type: String,
    /// The stream.
    pub aggregate_id: Uuid,
    /// Whose it is.
    pub organization_id: Uuid,
    /// The poison: the first event that can't be taken.
    pub position: i64,
    /// Why; the name of a [`crate::Reason`].
    pub reason: String,
    /// Whether the whole projection waits before it, not only the stream.
    pub stands_still: bool,
    /// How many events wait, the poison among them.
    pub waiting: i64,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// When it was tried last.
    pub tried_at: DateTime<Utc>,
    /// Whether it is still to be tried, because somebody asked.
    pub is_asked: bool,
}

impl Parked {
    /// Its stream.
    pub fn stream(&self) -> Stream {
        Stream::new(&self.aggregate_type, self.aggregate_id)
    }
}

/// An event that waits.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Waiting {
    /// Where it stands in the log.
    pub position: i64,
    /// Its number in the stream.
    pub sequence: i64,
    /// What happened, by its name; none where the event is gone.
    pub event_type: Option<String>,
    /// When it was logged.
    pub logged_at: DateTime<Utc>,
}

/// All that is parked, the longest first.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<Parked>> {
    sqlx::query_as(
        "select consumer, aggregate_type, aggregate_id, organization_id, position, reason, stands_still, attempts, parked_at, tried_at,
                asked_at is not null as is_asked,
                (select count(*)
                 from journal.parked_events as event
                 where event.consumer = parked.consumer
                   and event.aggregate_type = parked.aggregate_type
                   and event.aggregate_id = parked.aggregate_id) as waiting
         from journal.parked
         order by parked_at, consumer, aggregate_type, aggregate_id",
    )
    .fetch_all(pool)
    .await
}

/// The first events that wait of a parked stream, in order: at most `limit`.
pub async fn waiting(pool: &PgPool, parked: &Parked, limit: u32) -> sqlx::Result<Vec<Waiting>> {
    sqlx::query_as(
        "select waits.position, entry.sequence, entry.event_type, entry.logged_at
         from journal.parked_events as waits
         join journal.entries as entry using (position)
         where waits.consumer = $1
           and waits.aggregate_type = $2
           and waits.aggregate_id = $3
         order by waits.position
         limit $4",
    )
    .bind(&parked.projection)
    .bind(&parked.aggregate_type)
    .bind(parked.aggregate_id)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Asks whoever runs the projection to try the stream again. `false`: it isn't parked any more.
pub async fn ask(pool: &PgPool, parked: &Parked) -> sqlx::Result<bool> {
    let sql = "update journal.parked set asked_at = clock_timestamp() where consumer = $1 and aggregate_type = $2 and aggregate_id = $3";
    let asked = sqlx::query(sql).bind(&parked.projection).bind(&parked.aggregate_type).bind(parked.aggregate_id).execute(pool).await?;
    Ok(asked.rows_affected() > 0)
}

/// Says that the projection is to go on without the poison; `command_id` is that of the event which says who wants so, and
/// why. [`ask`] for the rest to be tried. `false`: that event isn't the poison any more.
pub async fn skip(pool: &PgPool, parked: &Parked, command_id: Uuid) -> sqlx::Result<bool> {
    let skipped = sqlx::query(
        "insert into journal.skipped (consumer, position, command_id)
         select consumer, position, $5
         from journal.parked
         where consumer = $1
           and aggregate_type = $2
           and aggregate_id = $3
           and position = $4
         on conflict do nothing",
    )
    .bind(&parked.projection)
    .bind(&parked.aggregate_type)
    .bind(parked.aggregate_id)
    .bind(parked.position)
    .bind(command_id)
    .execute(pool)
    .await?;
    Ok(skipped.rows_affected() > 0)
}

/// Whether the event at a position waits, so that the projection doesn't show it although it has come further.
pub async fn is_parked(pool: &PgPool, projection: &str, position: u64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from journal.parked_events where consumer = $1 and position = $2)")
        .bind(projection)
        .bind(position.cast_signed())
        .fetch_one(pool)
        .await
}
