//! What is noted to be done, and what can an operator ask for? (migrations/0013_reactors.sql)

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::EffectFailed;

/// A reactor, and what it has to do.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Listed {
    /// Its name.
    pub reactor: String,
    /// Everything up to here was looked at.
    pub position: i64,
    /// So many events weren't.
    pub behind: i64,
    /// Effects that are to be had.
    pub waiting: i64,
    /// Effects that wait for an operator.
    pub given_up: i64,
    /// Since when the oldest of either waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// An effect that hasn't been had yet.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Waiting {
    /// Whose it is.
    pub reactor: String,
    /// The event.
    pub position: i64,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when it is to be had.
    pub noted_at: DateTime<Utc>,
    /// When it is tried next.
    pub due_at: DateTime<Utc>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Since when it waits for an operator.
    pub given_up_at: Option<DateTime<Utc>>,
}

/// Every reactor that ever ran here.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as(
        "select r.reactor, r.position, head.position - r.position as behind,
                count(o.position) filter (where o.given_up_at is null) as waiting,
                count(o.given_up_at) as given_up, min(o.noted_at) as oldest
         from journal.reactors as r
         cross join journal.head
         left join journal.outbox as o using (reactor)
         group by r.reactor, r.position, head.position
         order by r.reactor",
    )
    .fetch_all(pool)
    .await
}

/// What is still to be done, the oldest first: at most `limit`.
pub async fn waiting(pool: &PgPool, limit: u32) -> sqlx::Result<Vec<Waiting>> {
    sqlx::query_as(
        "select reactor, position, attempts, noted_at, due_at, failure, given_up_at
         from journal.outbox
         order by noted_at, reactor, position
         limit $1",
    )
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Has a reactor's effects tried again at once, one or all: how many.
pub async fn retry(pool: &PgPool, reactor: &str, position: Option<u64>) -> sqlx::Result<u64> {
    let again = "update journal.outbox
         set attempts = 0, due_at = clock_timestamp(), given_up_at = null
         where reactor = $1
           and position = coalesce($2, position)";
    let asked = sqlx::query(again).bind(reactor).bind(position.map(u64::cast_signed)).execute(pool).await?;
    Ok(asked.rows_affected())
}

/// What an attempt is to be made at.
pub(super) struct Due {
    pub(super) position: u64,
    /// This one counted.
    pub(super) attempts: u32,
}

/// Where a reactor is, locked until the transaction ends. `None`: it never began, or another process has it.
pub(super) async fn lock_checkpoint(tx: &mut PgConnection, reactor: &str) -> sqlx::Result<Option<u64>> {
    let locked = "select position from journal.reactors where reactor = $1 for update skip locked";
    let position: Option<i64> = sqlx::query_scalar(locked).bind(reactor).fetch_optional(tx).await?;
    Ok(position.map(i64::cast_unsigned))
}

/// Lets a reactor begin after a position; false if it has begun before.
pub(super) async fn begin_at(pool: &PgPool, reactor: &str, position: u64) -> sqlx::Result<bool> {
    let begun = "insert into journal.reactors (reactor, position) values ($1, $2) on conflict do nothing";
    Ok(sqlx::query(begun).bind(reactor).bind(position.cast_signed()).execute(pool).await?.rows_affected() > 0)
}

/// Notes events, and that everything up to a position was looked at.
pub(super) async fn note(tx: &mut PgConnection, reactor: &str, wanted: &[u64], looked_at: u64) -> sqlx::Result<()> {
    let wanted: Vec<i64> = wanted.iter().map(|position| position.cast_signed()).collect();
    sqlx::query(
        "with noted as (insert into journal.outbox (reactor, position) select $1, position from unnest($2) as position)
         update journal.reactors set position = $3 where reactor = $1",
    )
    .bind(reactor)
    .bind(wanted)
    .bind(looked_at.cast_signed())
    .execute(tx)
    .await?;
    Ok(())
}

/// Begins an attempt at what has been due for longest, and lets nobody begin another for a while.
pub(super) async fn take(pool: &PgPool, reactor: &str, until: Duration) -> sqlx::Result<Option<Due>> {
    let taken: Option<(i64, i32)> = sqlx::query_as(
        "update journal.outbox as own
         set attempts = own.attempts + 1,
             due_at = clock_timestamp() + make_interval(secs => $2)
         from (
             select position
             from journal.outbox
             where reactor = $1
               and given_up_at is null
               and due_at <= clock_timestamp()
             order by due_at, position
             limit 1
             for update skip locked) as due
         where own.reactor = $1
           and own.position = due.position
         returning own.position, own.attempts",
    )
    .bind(reactor)
    .bind(until.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    Ok(taken.map(|(position, attempts)| Due { position: position.cast_unsigned(), attempts: attempts.cast_unsigned() }))
}

/// It is had.
pub(super) async fn done(pool: &PgPool, reactor: &str, position: u64) -> sqlx::Result<()> {
    let done = "delete from journal.outbox where reactor = $1 and position = $2";
    sqlx::query(done).bind(reactor).bind(position.cast_signed()).execute(pool).await?;
    Ok(())
}

/// It isn't, and why. It is tried again after a pause; without one it waits for an operator.
pub(super) async fn failed(pool: &PgPool, reactor: &str, position: u64, failed: &EffectFailed, pause: Option<Duration>) -> sqlx::Result<()> {
    sqlx::query(
        "update journal.outbox
         set failure = $3,
             due_at = clock_timestamp() + make_interval(secs => coalesce($4, 0)),
             given_up_at = case when $4 is null then clock_timestamp() end
         where reactor = $1
           and position = $2",
    )
    .bind(reactor)
    .bind(position.cast_signed())
    .bind(&failed.0)
    .bind(pause.map(|pause| pause.as_secs_f64()))
    .execute(pool)
    .await?;
    Ok(())
}
