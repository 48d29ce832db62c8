//! Who says that they run which projection? (`journal.projectors`)

use std::sync::LazyLock;
use std::time::Duration;

use anamnesis_journal::transaction;
use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::progress::Status;

/// A projection that this process took over, in which epoch, and how it is.
pub(crate) type Held = (&'static str, i64, Status);

/// Whoever says it last is known.
const KNOWN: &str = "on conflict (consumer, partition) do update
     set epoch = excluded.epoch,
         process = excluded.process,
         status = excluded.status,
         problem = excluded.problem,
         seen_at = excluded.seen_at";

/// Says which projections this process runs, and how they are. One that it no longer moves, because another has taken
/// it over, is passed over.
pub(crate) async fn tell(pool: &PgPool, partition: u32, held: &[Held]) -> sqlx::Result<()> {
    let mut told = Vec::with_capacity(held.len());
    for (name, epoch, status) in held {
        told.extend(in_words(status).map(|(status, problem)| (*name, *epoch, status, problem)));
    }
    if told.is_empty() {
        return Ok(());
    }
    let mut tx = transaction::begin(pool).await?;
    // who says it again in a moment needn't wait for the disk
    sqlx::query("select set_config('synchronous_commit', 'off', true)").execute(&mut *tx).await?;
    sqlx::query(&format!(
        "insert into journal.projectors as known (consumer, partition, epoch, process, status, problem, seen_at)
         select told.consumer, $2, told.epoch, $3, told.status, told.problem, clock_timestamp()
         from unnest($1, $4, $5, $6) as told (consumer, epoch, status, problem)
         order by told.consumer
         {KNOWN}
         where known.epoch <= excluded.epoch",
    ))
    .bind(told.iter().map(|(name, ..)| *name).collect::<Vec<_>>())
    .bind(partition.cast_signed())
    .bind(this_process())
    .bind(told.iter().map(|(_, epoch, ..)| *epoch).collect::<Vec<_>>())
    .bind(told.iter().map(|(_, _, status, _)| *status).collect::<Vec<_>>())
    .bind(told.iter().map(|(.., problem)| *problem).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Says why a projection isn't run yet by whoever knows its new definition, unless somebody still runs the old one.
pub(crate) async fn tell_of_deployment(pool: &PgPool, name: &str, problem: &str, silence: Duration) -> sqlx::Result<()> {
    sqlx::query(&format!(
        "insert into journal.projectors as known (consumer, partition, epoch, process, status, problem, seen_at)
         select consumer, partition, epoch, $2, 'waiting', $3, clock_timestamp()
         from journal.checkpoints
         where consumer = $1
         {KNOWN}
         where known.process = excluded.process
            or known.status = 'stopped'
            or known.seen_at < clock_timestamp() - $4",
    ))
    .bind(name)
    .bind(this_process())
    .bind(problem)
    .bind(PgInterval::try_from(silence).map_err(sqlx::Error::Encode)?)
    .execute(pool)
    .await?;
    Ok(())
}

/// Not its number: in containers every process has the same.
fn this_process() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| format!("process {}", Uuid::new_v4()));
    &NAME
}

/// Says that this process runs them no more.
pub(crate) async fn leave(pool: &PgPool, partition: u32, held: &[Held]) -> sqlx::Result<()> {
    sqlx::query(
        "update journal.projectors as known
         set seen_at = '-infinity'
         from unnest($1, $2) as held (consumer, epoch)
         where known.consumer = held.consumer
           and known.epoch = held.epoch
           and known.partition = $3",
    )
    .bind(held.iter().map(|(name, ..)| *name).collect::<Vec<_>>())
    .bind(held.iter().map(|(_, epoch, _)| *epoch).collect::<Vec<_>>())
    .bind(partition.cast_signed())
    .execute(pool)
    .await?;
    Ok(())
}

/// Those of the projections of which nobody has said for so long that they run them: that partition, or the log, from
/// which whoever follows any partition would have been relieved.
pub(crate) async fn silent(pool: &PgPool, partition: u32, names: &[&str], silence: Duration) -> sqlx::Result<Vec<String>> {
    let silence = PgInterval::try_from(silence).map_err(sqlx::Error::Encode)?;
    sqlx::query_scalar(
        "select name
         from unnest($1) as name
         where not exists (
             select from journal.projectors
             where consumer = name
               and ($2 = 0 or partition in (0, $2))
               and seen_at > clock_timestamp() - $3)",
    )
    .bind(names)
    .bind(partition.cast_signed())
    .bind(silence)
    .fetch_all(pool)
    .await
}

/// `None`: there is nothing to say, for another process runs it.
fn in_words(status: &Status) -> Option<(&'static str, Option<&str>)> {
    match status {
        Status::Running => Some(("running", None)),
        Status::Waiting { error } => Some(("waiting", Some(error))),
        Status::Stopped { error } => Some(("stopped", Some(error))),
        // there, or the process that it was taken from would take it back
        Status::Starting => Some(("waiting", Some("it has just begun"))),
        Status::StandingBy => None,
    }
}
