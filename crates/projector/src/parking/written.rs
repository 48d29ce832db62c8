//! How is what a projection has parked read and written, beside its checkpoint?

use std::collections::BTreeSet;

use sqlx::{PgConnection, PgPool};
use tracing::{error, info};
use uuid::Uuid;

use super::{Parking, Stream};
use crate::error::Reason;

/// This version of the program.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

impl Parking {
    /// As it is beside a checkpoint that is locked: what is remembered, if the revision is still the same.
    pub(crate) async fn as_of(&self, tx: &mut PgConnection, name: &str, revision: i64) -> sqlx::Result<Self> {
        if self.is_of(revision) { Ok(self.clone()) } else { Self::afresh(tx, name, revision).await }
    }

    /// As it is written beside a checkpoint that is locked.
    pub(crate) async fn afresh(tx: &mut PgConnection, name: &str, revision: i64) -> sqlx::Result<Self> {
        Ok(Self { revision: Some(revision), ..Self::load(tx, name).await? })
    }

    /// What is written.
    pub(crate) async fn load(tx: &mut PgConnection, name: &str) -> sqlx::Result<Self> {
        let parked = "select aggregate_type, aggregate_id, position from journal.parked where consumer = $1";
        let parked: Vec<(String, Uuid, i64)> = sqlx::query_as(parked).bind(name).fetch_all(&mut *tx).await?;
        let skipped = skipped(tx, name).await?;
        let parked = parked.into_iter().map(|(kind, id, position)| (Stream { aggregate_type: kind, aggregate_id: id }, position.cast_unsigned()));
        Ok(Self { parked: parked.collect(), skipped, ..Self::default() })
    }

    /// Writes down what has changed, beside a checkpoint that is locked; what of it is new is told in the log's lines.
    pub(crate) async fn store(&mut self, tx: &mut PgConnection, name: &str, partition: u32, stands_still: bool) -> sqlx::Result<()> {
        if self.is_written() {
            return Ok(());
        }
        for stream in std::mem::take(&mut self.mended) {
            forget(tx, name, &stream).await?;
        }
        self.write(tx, name, stands_still).await?;
        self.revision = Some(revise(tx, name, partition).await?);
        Ok(())
    }

    /// Puts this in the place of all that a projection has parked; its checkpoints are locked. Whoever remembers anything of
    /// the rows learns that they are others.
    pub(crate) async fn replace(&mut self, tx: &mut PgConnection, name: &str, unskipped: &[u64], up_to: u64) -> sqlx::Result<()> {
        // what a projection stands still before is before it still, unless the new rows are beyond it
        let sql = "delete from journal.parked where consumer = $1 and (not stands_still or position <= $2)";
        sqlx::query(sql).bind(name).bind(up_to.cast_signed()).execute(&mut *tx).await?;
        let taken: Vec<_> = unskipped.iter().map(|position| position.cast_signed()).collect();
        let sql = "delete from journal.skipped where consumer = $1 and position = any($2)";
        sqlx::query(sql).bind(name).bind(taken).execute(&mut *tx).await?;
        if !self.is_written() {
            self.write(tx, name, false).await?;
        }
        sqlx::query("update journal.checkpoints set parking = parking + 1 where consumer = $1").bind(name).execute(tx).await?;
        Ok(())
    }

    /// The log says whose events these are.
    async fn write(&mut self, tx: &mut PgConnection, name: &str, stands_still: bool) -> sqlx::Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        let (positions, reasons): (Vec<_>, Vec<_>) =
            fresh.iter().filter_map(|(stream, reason)| Some((self.parked.get(stream)?.cast_signed(), reason.as_str()))).unzip();
        for ((stream, reason), position) in fresh.iter().zip(&positions) {
            let reason = reason.as_str();
            error!(projection = name, stream = %stream, position, reason, "projection `{name}` can't take the event at position {position} ({reason}) of {stream}");
        }
        sqlx::query(
            "insert into journal.parked as known (consumer, aggregate_type, aggregate_id, organization_id, position, reason, stands_still, program)
             select $1, log.aggregate_type, log.aggregate_id, log.organization_id, log.position, poison.reason, $4, $5
             from unnest($2, $3) as poison (position, reason)
             join journal.log using (position)
             on conflict (consumer, aggregate_type, aggregate_id) do update
             set position = excluded.position,
                 reason = excluded.reason,
                 program = excluded.program,
                 attempts = known.attempts + 1,
                 tried_at = excluded.tried_at,
                 asked_at = null",
        )
        .bind(name)
        .bind(positions)
        .bind(reasons)
        .bind(stands_still)
        .bind(PROGRAM)
        .execute(&mut *tx)
        .await?;
        let waiting: Vec<_> = std::mem::take(&mut self.waiting).into_iter().map(u64::cast_signed).collect();
        sqlx::query(
            "insert into journal.parked_events (consumer, position, aggregate_type, aggregate_id)
             select $1, log.position, log.aggregate_type, log.aggregate_id
             from journal.log
             where log.position = any($2)
             on conflict do nothing",
        )
        .bind(name)
        .bind(waiting)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// A stream was tried again, beside a checkpoint that is locked: its events up to a position needn't wait any more.
    pub(crate) async fn retried(&mut self, tx: &mut PgConnection, name: &str, partition: u32, tried: &Tried) -> sqlx::Result<()> {
        let Tried { stream, done, poison } = tried;
        let sql = "delete from journal.parked_events where consumer = $1 and aggregate_type = $2 and aggregate_id = $3 and position = any($4)";
        let done: Vec<_> = done.iter().map(|position| position.cast_signed()).collect();
        sqlx::query(sql).bind(name).bind(&stream.aggregate_type).bind(stream.aggregate_id).bind(done).execute(&mut *tx).await?;
        let next: Option<i64> =
            sqlx::query_scalar("select min(position) from journal.parked_events where consumer = $1 and aggregate_type = $2 and aggregate_id = $3")
                .bind(name)
                .bind(&stream.aggregate_type)
                .bind(stream.aggregate_id)
                .fetch_one(&mut *tx)
                .await?;
        match next {
            None => {
                forget(tx, name, stream).await?;
                self.parked.remove(stream);
            }
            // what is asked for stays asked for, until all has been tried or poison was met
            Some(next) => {
                sqlx::query(
                    "update journal.parked
                     set position = $4,
                         reason = coalesce($5, reason),
                         attempts = attempts + ($5 is not null)::integer,
                         program = case when $5 is null then program else $6 end,
                         tried_at = clock_timestamp(),
                         asked_at = case when $5 is null then asked_at end
                     where consumer = $1
                       and aggregate_type = $2
                       and aggregate_id = $3",
                )
                .bind(name)
                .bind(&stream.aggregate_type)
                .bind(stream.aggregate_id)
                .bind(next)
                .bind(poison.map(Reason::as_str))
                .bind(PROGRAM)
                .execute(&mut *tx)
                .await?;
                self.parked.insert(stream.clone(), next.cast_unsigned());
            }
        }
        self.revision = Some(revise(tx, name, partition).await?);
        Ok(())
    }
}

/// How far a parked stream came when it was tried again.
pub(crate) struct Tried {
    pub(crate) stream: Stream,
    /// What was folded or left out.
    pub(crate) done: Vec<u64>,
    /// Why it came no further, if it didn't.
    pub(crate) poison: Option<Reason>,
}

async fn forget(tx: &mut PgConnection, name: &str, stream: &Stream) -> sqlx::Result<()> {
    let sql = "delete from journal.parked where consumer = $1 and aggregate_type = $2 and aggregate_id = $3";
    sqlx::query(sql).bind(name).bind(&stream.aggregate_type).bind(stream.aggregate_id).execute(tx).await?;
    Ok(())
}

async fn revise(tx: &mut PgConnection, name: &str, partition: u32) -> sqlx::Result<i64> {
    sqlx::query_scalar("update journal.checkpoints set parking = parking + 1 where consumer = $1 and partition = $2 returning parking")
        .bind(name)
        .bind(partition.cast_signed())
        .fetch_one(tx)
        .await
}

/// Notes an event that a projection stands still before, though no projector met it.
pub(crate) async fn note(pool: &PgPool, name: &str, position: u64, reason: Reason) -> sqlx::Result<()> {
    sqlx::query(
        "with poison as (
             insert into journal.parked as known (consumer, aggregate_type, aggregate_id, organization_id, position, reason, stands_still)
             select $1, aggregate_type, aggregate_id, organization_id, position, $3, true
             from journal.log
             where position = $2
             on conflict (consumer, aggregate_type, aggregate_id) do update
             set position = excluded.position,
                 reason = excluded.reason,
                 attempts = known.attempts + 1,
                 tried_at = excluded.tried_at
             returning consumer, position, aggregate_type, aggregate_id)
         insert into journal.parked_events (consumer, position, aggregate_type, aggregate_id)
         select consumer, position, aggregate_type, aggregate_id from poison
         on conflict do nothing",
    )
    .bind(name)
    .bind(position.cast_signed())
    .bind(reason.as_str())
    .execute(pool)
    .await?;
    Ok(())
}

/// The poison that a projection goes on without.
pub(crate) async fn skipped(tx: &mut PgConnection, name: &str) -> sqlx::Result<BTreeSet<u64>> {
    let skipped: Vec<i64> = sqlx::query_scalar("select position from journal.skipped where consumer = $1").bind(name).fetch_all(tx).await?;
    Ok(skipped.into_iter().map(i64::cast_unsigned).collect())
}

/// The first of the events that wait behind a stream's poison, that itself among them.
pub(crate) async fn waiting(tx: &mut PgConnection, name: &str, stream: &Stream, limit: u32) -> sqlx::Result<Vec<u64>> {
    let positions: Vec<i64> = sqlx::query_scalar(
        "select position from journal.parked_events
         where consumer = $1 and aggregate_type = $2 and aggregate_id = $3
         order by position
         limit $4",
    )
    .bind(name)
    .bind(&stream.aggregate_type)
    .bind(stream.aggregate_id)
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    Ok(positions.into_iter().map(i64::cast_unsigned).collect())
}

/// The parked streams that operators want to be tried again, each with who parked it.
pub(crate) async fn asked(connection: &mut PgConnection, names: &[&str]) -> sqlx::Result<Vec<(String, Stream)>> {
    let rows: Vec<(String, String, Uuid)> = sqlx::query_as(
        "select consumer, aggregate_type, aggregate_id
         from journal.parked
         where consumer = any($1)
           and asked_at is not null
         order by asked_at, position",
    )
    .bind(names)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(name, aggregate_type, aggregate_id)| (name, Stream { aggregate_type, aggregate_id })).collect())
}

/// Asks in an operator's place for what another version of the program couldn't take: once, for then it was this one.
pub(crate) async fn ask_for_others(pool: &PgPool, names: &[&str]) -> sqlx::Result<()> {
    let sql = "update journal.parked
        set asked_at = clock_timestamp()
        where consumer = any($1) and not stands_still and asked_at is null and program is distinct from $2";
    let asked = sqlx::query(sql).bind(names).bind(PROGRAM).execute(pool).await?.rows_affected();
    if asked > 0 {
        info!(streams = asked, "another version of the program couldn't take events of {asked} streams: this one tries them again");
    }
    Ok(())
}

/// Which of these, that stand still before poison, operators want to go on.
pub(crate) async fn asked_to_go_on(pool: &PgPool, names: &[&str]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select distinct consumer from journal.parked where consumer = any($1) and asked_at is not null")
        .bind(names)
        .fetch_all(pool)
        .await
}
