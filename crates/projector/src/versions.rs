//! Which tables does a projection have: those that are read, those being built, those kept to go back to? (`read.versions`)
//!
//! What is read stands in `read` or `audit`, everything else in a schema of its own. One of each at most: whoever changes
//! this holds the projection's lock ([`lock`]), which goes with its connection.

use std::collections::{BTreeSet, HashMap};

use anamnesis_projections::kernel::Projection;
use sha2::{Digest, Sha256};
use sqlx::{Connection as _, PgConnection, PgPool};
use tracing::warn;

use crate::checkpoint::{self, Frontier};
use crate::error::ProjectorError;
use crate::schema::{NO_TABLE_MOVES, script};

/// A set of tables that aren't those that are read.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    pub(crate) version: i64,
    /// The schema that they stand in.
    pub(crate) schema: String,
}

impl Aside {
    fn of(projection: &Projection, version: i64) -> Self {
        Self { version, schema: format!("{}_{version}", projection.schema.name()) }
    }
}

/// Tables that were read until others took over, by this program's definition.
pub(crate) struct Kept {
    pub(crate) tables: Aside,
    /// What is folded in.
    pub(crate) folded: Frontier,
    /// But for these events, which waited in parked streams.
    pub(crate) waiting: Vec<u64>,
    /// And these, which were left out.
    pub(crate) left_out: BTreeSet<u64>,
}

#[derive(sqlx::FromRow)]
struct KeptRow {
    version: i64,
    definition: String,
    partitions: Vec<i32>,
    positions: Vec<i64>,
    waiting: Vec<i64>,
    left_out: Vec<i64>,
    /// Whether all of that is still to be left out.
    is_known: bool,
}

/// A digest of the tables and of the fold's version.
pub(crate) fn definition_of(projection: &Projection) -> String {
    hex::encode(Sha256::new().chain_update(projection.version.to_be_bytes()).chain_update(projection.sql).finalize())
}

/// Holds the projection's lock until it is closed or dropped; `None`: somebody else does.
pub(crate) async fn lock(owner: &PgPool, projection: &Projection) -> sqlx::Result<Option<PgConnection>> {
    // not the pool's any more: what is dropped in the middle gives the lock back with its connection
    let mut connection = owner.acquire().await?.detach();
    let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('anamnesis rebuild of ' || $1, 0))")
        .bind(projection.name)
        .fetch_one(&mut connection)
        .await?;
    if locked {
        return Ok(Some(connection));
    }
    unlock(connection).await;
    Ok(None)
}

/// Whoever wants the lock next gets it: at the end of a connection the server lets it go some time later.
pub(crate) async fn unlock(mut connection: PgConnection) {
    let unlocked = script(&mut connection, "select pg_advisory_unlock_all()").await;
    if let Err(error) = unlocked.and(connection.close().await) {
        warn!(%error, "the connection that held a projection's lock didn't close cleanly");
    }
}

/// Whose the tables are that are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Live {
    /// There are none.
    Nobodys,
    /// This program's.
    Ours,
    /// An older definition's: ours takes over.
    Olders,
    /// Another's that isn't older, or that an operator went back to: they are left alone.
    Anothers,
}

/// Whose the tables are that are read.
pub(crate) async fn live(connection: &mut PgConnection, projection: &Projection) -> sqlx::Result<Live> {
    let live: Option<(String, i32)> = sqlx::query_as("select definition, outranks from read.versions where projection = $1 and state = 'live'")
        .bind(projection.name)
        .fetch_optional(connection)
        .await?;
    Ok(match live {
        None => Live::Nobodys,
        Some((definition, _)) if definition == definition_of(projection) => Live::Ours,
        Some((_, outranks)) if outranks < rank_of(projection) => Live::Olders,
        Some(_) => Live::Anothers,
    })
}

/// Of two definitions the one with the higher rank is the newer.
fn rank_of(projection: &Projection) -> i32 {
    projection.version.cast_signed()
}

/// The definitions of the tables that are read, of several projections.
pub(crate) async fn live_of(connection: &mut PgConnection, projections: &[&Projection]) -> sqlx::Result<HashMap<String, String>> {
    let names: Vec<_> = projections.iter().map(|projection| projection.name).collect();
    let live = "select projection, definition from read.versions where projection = any($1) and state = 'live'";
    let live: Vec<(String, String)> = sqlx::query_as(live).bind(names).fetch_all(connection).await?;
    Ok(live.into_iter().collect())
}

/// Whether there are tables to go back to.
pub(crate) async fn is_kept(connection: &mut PgConnection, projection: &Projection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from read.versions where projection = $1 and state = 'kept')")
        .bind(projection.name)
        .fetch_one(connection)
        .await
}

/// Begins a list with tables that are read from the beginning.
pub(crate) async fn begin_live(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<()> {
    begin_as(tx, projection, "live").await?;
    Ok(())
}

/// Puts a schema on the list in which tables will be built.
pub(crate) async fn begin(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<Aside> {
    let tables = Aside::of(projection, begin_as(tx, projection, "building").await?);
    make_schema(tx, &tables).await?;
    Ok(tables)
}

async fn make_schema(tx: &mut PgConnection, tables: &Aside) -> sqlx::Result<()> {
    script(tx, &format!("create schema {0}; grant usage on schema {0} to anamnesis_projector", tables.schema)).await
}

async fn begin_as(tx: &mut PgConnection, projection: &Projection, state: &str) -> sqlx::Result<i64> {
    let tables: Vec<_> = projection.tables.iter().map(|table| table.info().name).collect();
    sqlx::query_scalar("insert into read.versions (projection, definition, outranks, state, tables) values ($1, $2, $3, $4, $5) returning version")
        .bind(projection.name)
        .bind(definition_of(projection))
        .bind(rank_of(projection))
        .bind(state)
        .bind(tables)
        .fetch_one(tx)
        .await
}

/// Drops tables that somebody began to build and didn't finish.
pub(crate) async fn clear(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<()> {
    drop_all(tx, projection, "building", None).await?;
    Ok(())
}

/// Drops tables that were being built. Who lost the lock leaves alone what the next one has.
pub(crate) async fn discard(tx: &mut PgConnection, projection: &Projection, tables: &Aside) -> sqlx::Result<()> {
    drop_all(tx, projection, "building", Some(tables.version)).await?;
    Ok(())
}

/// Drops the tables that are kept; whether there were any.
pub(crate) async fn drop_kept(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<bool> {
    drop_all(tx, projection, "kept", None).await
}

async fn drop_all(tx: &mut PgConnection, projection: &Projection, state: &str, only: Option<i64>) -> sqlx::Result<bool> {
    sqlx::query(NO_TABLE_MOVES).execute(&mut *tx).await?;
    let sql = "delete from read.versions where projection = $1 and state = $2 and version = coalesce($3, version) returning version";
    let gone: Vec<i64> = sqlx::query_scalar(sql).bind(projection.name).bind(state).bind(only).fetch_all(&mut *tx).await?;
    for version in &gone {
        script(tx, &format!("drop schema if exists {} cascade", Aside::of(projection, *version).schema)).await?;
    }
    Ok(!gone.is_empty())
}

/// Of these, the projections of which tables are being built.
pub(crate) async fn being_built(owner: &PgPool, projections: &[&'static Projection]) -> sqlx::Result<Vec<&'static Projection>> {
    let building: Vec<String> = sqlx::query_scalar("select projection from read.versions where state = 'building'").fetch_all(owner).await?;
    Ok(projections.iter().copied().filter(|projection| building.iter().any(|name| name == projection.name)).collect())
}

/// Drops what was being built by a process that is gone.
pub(crate) async fn clear_abandoned(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<()> {
    let sql = "select pg_try_advisory_xact_lock(hashtextextended('anamnesis rebuild of ' || $1, 0))";
    if sqlx::query_scalar(sql).bind(projection.name).fetch_one(&mut *tx).await? { clear(tx, projection).await } else { Ok(()) }
}

/// Takes the kept tables to be brought up to date and read again. They are no longer kept: what becomes of them if that
/// fails half-way nobody knows.
///
/// What was left out of them and has been taken since would be missing in them, and nothing would say so: they are refused.
pub(crate) async fn take_kept(tx: &mut PgConnection, projection: &Projection) -> Result<Kept, ProjectorError> {
    let kept: Option<KeptRow> = sqlx::query_as(
        "select version, definition, partitions, positions, waiting, left_out,
             left_out <@ array(select position from journal.skipped where consumer = $1) as is_known
         from read.versions
         where projection = $1
           and state = 'kept'",
    )
    .bind(projection.name)
    .fetch_optional(&mut *tx)
    .await?;
    let kept = kept.ok_or(ProjectorError::NothingKept { projection: projection.name })?;
    let KeptRow { version, definition, partitions, positions, waiting, left_out, is_known } = kept;
    if definition != definition_of(projection) {
        return Err(ProjectorError::KeptByAnother { projection: projection.name });
    }
    if !is_known {
        return Err(ProjectorError::KeptWithout { projection: projection.name });
    }
    sqlx::query("update read.versions set state = 'building' where version = $1").bind(version).execute(tx).await?;
    let positions = positions.into_iter().map(i64::cast_unsigned);
    let folded = checkpoint::reflected(&partitions.into_iter().map(i32::cast_unsigned).zip(positions).collect::<Vec<_>>());
    let waiting = waiting.into_iter().map(i64::cast_unsigned).collect();
    let left_out = left_out.into_iter().map(i64::cast_unsigned).collect();
    Ok(Kept { tables: Aside::of(projection, version), folded, waiting, left_out })
}

/// Keeps tables again that were taken and didn't come to be read.
pub(crate) async fn give_back(connection: &mut PgConnection, projection: &Projection, kept: &Kept) -> sqlx::Result<()> {
    let (partitions, positions): (Vec<_>, Vec<_>) =
        kept.folded.rows(projection).into_iter().map(|(partition, position)| (partition.cast_signed(), position.cast_signed())).unzip();
    sqlx::query(
        "update read.versions
         set state = 'kept', partitions = $2, positions = $3, waiting = $4, left_out = $5
         where version = $1
           and state = 'building'",
    )
    .bind(kept.tables.version)
    .bind(partitions)
    .bind(positions)
    .bind(kept.waiting.iter().map(|position| position.cast_signed()).collect::<Vec<_>>())
    .bind(kept.left_out.iter().map(|position| position.cast_signed()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts new tables in the place of those that are read, and keeps these: in a transaction in which nobody else moves the
/// projection's checkpoints. What was kept until now is dropped. The new ones outrank whatever those did that they take over
/// from: where an operator wants an older definition, the newer one doesn't come back by itself.
pub(crate) async fn swap(tx: &mut PgConnection, projection: &Projection, new: &Aside) -> Result<(), ProjectorError> {
    drop_kept(tx, projection).await?;
    let live = projection.schema.name();
    let mut outranked = 0;
    if let Some(Replaced { version, tables, outranks }) = keep(tx, projection).await? {
        let old = Aside::of(projection, version);
        make_schema(tx, &old).await?;
        move_tables(tx, &tables, live, &old.schema).await?;
        outranked = outranks;
    }
    let sql = "update read.versions
        set state = 'live', since = clock_timestamp(), outranks = greatest(outranks, $2)
        where version = $1 and state = 'building'
        returning tables";
    let tables: Option<Vec<String>> = sqlx::query_scalar(sql).bind(new.version).bind(outranked).fetch_optional(&mut *tx).await?;
    // who lost the lock may have lost the tables
    let tables = tables.ok_or(ProjectorError::Rebuilding { projection: projection.name })?;
    move_tables(tx, &tables, &new.schema, live).await?;
    Ok(script(tx, &format!("drop schema {}", new.schema)).await?)
}

/// Tables that are read no longer.
#[derive(sqlx::FromRow)]
struct Replaced {
    version: i64,
    tables: Vec<String>,
    outranks: i32,
}

/// Writes down how far the tables are that are no longer read, and what they lack. What is to be left out and still waits
/// was never come to.
async fn keep(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<Option<Replaced>> {
    sqlx::query_as(
        "update read.versions
         set state = 'kept',
             since = clock_timestamp(),
             partitions = array(select partition from journal.checkpoints where consumer = $1 order by partition),
             positions = array(select position from journal.checkpoints where consumer = $1 order by partition),
             waiting = array(
                 select event.position
                 from journal.parked_events as event
                 join journal.parked using (consumer, aggregate_type, aggregate_id)
                 where event.consumer = $1
                   and not parked.stands_still
                 order by event.position),
             left_out = array(
                 select position
                 from journal.skipped
                 where consumer = $1
                   and not exists (
                       select from journal.parked_events as event where event.consumer = $1 and event.position = skipped.position)
                 order by position)
         where projection = $1
           and state = 'live'
         returning version, tables, outranks",
    )
    .bind(projection.name)
    .fetch_optional(tx)
    .await
}

async fn move_tables(tx: &mut PgConnection, tables: &[String], from: &str, to: &str) -> sqlx::Result<()> {
    for table in tables {
        script(tx, &format!("alter table {from}.{table} set schema {to}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anamnesis_projections::ALL;

    use super::*;

    /// Whoever has the lower version leaves the tables of the higher one alone. So every change must raise it.
    #[test]
    fn whenever_a_definition_changes_its_version_rises() {
        let listed = include_str!("../../../projections/definitions.txt");
        let lines: Vec<Vec<&str>> = listed.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect()).collect();
        for projection in ALL {
            let known: Vec<_> =
                lines.iter().filter(|line| line[0] == projection.name).map(|line| (line[1].parse::<u32>().unwrap(), line[2])).collect();
            let (name, digest) = (projection.name, definition_of(projection));
            assert!(known.is_sorted_by(|before, after| before.0 < after.0), "the versions of {name} in projections/definitions.txt don't rise");
            assert_eq!(
                known.last(),
                Some(&(projection.version, digest.as_str())),
                "{name} has changed: raise `version` in projections/{name}/mod.rs, and add what this test then says to projections/definitions.txt"
            );
        }
        assert!(lines.iter().all(|line| ALL.iter().any(|projection| projection.name == line[0])));
    }
}
