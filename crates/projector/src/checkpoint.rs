//! How far has a projection come, and who may move it on?

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool};

/// A projection's place in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub(crate) struct Checkpoint {
    /// Who may move it: whoever took it over last.
    pub(crate) epoch: i64,
    position: i64,
}

impl Checkpoint {
    /// The last position that is folded in; 0 before the first.
    pub(crate) fn position(self) -> u64 {
        self.position.cast_unsigned()
    }
}

#[derive(sqlx::FromRow)]
struct Named {
    consumer: String,
    #[sqlx(flatten)]
    checkpoint: Checkpoint,
}

fn by_name(rows: Vec<Named>) -> HashMap<String, Checkpoint> {
    rows.into_iter().map(|row| (row.consumer, row.checkpoint)).collect()
}

/// Takes checkpoints over: from now on whoever had them before moves them no more.
pub(crate) async fn take_over(pool: &PgPool, names: &[&str], partition: u32) -> sqlx::Result<HashMap<String, Checkpoint>> {
    sqlx::query_as(
        "insert into journal.checkpoints (consumer, partition, epoch)
         select name, $2, 1
         from unnest($1) as name
         order by name
         on conflict (consumer, partition) do update set epoch = checkpoints.epoch + 1
         returning consumer, epoch, position",
    )
    .bind(names)
    .bind(partition.cast_signed())
    .fetch_all(pool)
    .await
    .map(by_name)
}

/// Locks checkpoints until the transaction ends, in the order of their names, so that two never wait for each other.
pub(crate) async fn lock(tx: &mut PgConnection, names: &[&str], partition: u32) -> sqlx::Result<HashMap<String, Checkpoint>> {
    sqlx::query_as(
        "select consumer, epoch, position
         from journal.checkpoints
         where consumer = any($1)
           and partition = $2
         order by consumer
         for update",
    )
    .bind(names)
    .bind(partition.cast_signed())
    .fetch_all(tx)
    .await
    .map(by_name)
}

/// Moves locked checkpoints on.
pub(crate) async fn advance(tx: &mut PgConnection, moved: &[(&str, u64)], partition: u32) -> sqlx::Result<()> {
    let (names, positions): (Vec<_>, Vec<_>) = moved.iter().map(|(name, position)| (*name, position.cast_signed())).unzip();
    sqlx::query(
        "update journal.checkpoints
         set position = moved.position
         from unnest($1, $2) as moved (consumer, position)
         where checkpoints.consumer = moved.consumer
           and checkpoints.partition = $3",
    )
    .bind(names)
    .bind(positions)
    .bind(partition.cast_signed())
    .execute(tx)
    .await?;
    Ok(())
}
