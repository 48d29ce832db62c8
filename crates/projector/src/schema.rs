//! Are the tables there, and are they the ones that this program folds into?

use anamnesis_journal::transaction;
use anamnesis_projections::SCOPE;
use anamnesis_projections::kernel::Projection;
use futures::{FutureExt as _, TryFutureExt as _};
use sqlx::{Executor as _, PgConnection, PgPool};
use tracing::warn;
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::patience;
use crate::table::Target;
use crate::versions::{self, Live, definition_of};

/// What [`ensure_schema`] found.
#[derive(Clone, Default, Debug)]
pub struct Ensured {
    /// Projections whose tables it made, empty.
    pub created: Vec<&'static str>,
    /// Projections whose tables are of an older definition: they run once they are of this one ([`crate::Deployment`]).
    pub changed: Vec<&'static str>,
    /// Projections whose tables are of a definition that isn't older: they are left alone.
    pub outranked: Vec<&'static str>,
}

/// How often a start tries to change tables that others read, about once a second.
const START_ATTEMPTS: u32 = 10;

/// Makes the tables that aren't there, and whatever else can be made without keeping anybody from reading. Needs a pool that
/// may create schemas and tables; asking twice is once.
pub async fn ensure_schema(owner: &PgPool, projections: &[&'static Projection]) -> Result<Ensured, ProjectorError> {
    let ensured = ensure_live(owner, projections).await?;
    for projection in versions::being_built(owner, projections).await? {
        let cleared = patience::change(owner, projection, START_ATTEMPTS, |tx| versions::clear_abandoned(tx, projection).err_into().boxed()).await;
        unless_read(cleared, projection, "what was half built stays until the next start or rebuild")?;
    }
    for projection in projections.iter().copied().filter(|projection| ensured.changed.contains(&projection.name)) {
        let extended = patience::change(owner, projection, START_ATTEMPTS, |tx| extend(tx, projection).err_into().boxed()).await;
        unless_read(extended, projection, "this version of the program may not be able to read them before the new ones take over")?;
    }
    Ok(ensured)
}

/// A start waits for nobody for ever.
fn unless_read(changed: Result<(), ProjectorError>, projection: &Projection, consequence: &str) -> Result<(), ProjectorError> {
    let name = projection.name;
    match changed {
        Err(ProjectorError::StillRead { .. }) => {
            warn!(projection = name, "the tables of projection `{name}` are read by transactions that don't end: {consequence}");
            Ok(())
        }
        changed_or_failed => changed_or_failed,
    }
}

async fn ensure_live(owner: &PgPool, projections: &[&'static Projection]) -> Result<Ensured, ProjectorError> {
    let mut tx = transaction::begin(owner).await?;
    // two processes that start together must not both make the same table
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('anamnesis projections', 0))").execute(&mut *tx).await?;
    script(&mut tx, SCOPE).await?;
    let mut ensured = Ensured::default();
    for projection in projections {
        match versions::live(&mut tx, projection).await? {
            Live::Ours => {}
            Live::Anothers => ensured.outranked.push(projection.name),
            Live::Olders => ensured.changed.push(projection.name),
            Live::Nobodys => {
                create(&mut tx, projection).await?;
                ensured.created.push(projection.name);
            }
        }
    }
    // whoever takes a projection over or swaps its tables locks this row first: so it is there before anything is folded
    let held = "insert into journal.checkpoints (consumer, partition) select name, 0 from unnest($1) as name order by name on conflict do nothing";
    sqlx::query(held).bind(projections.iter().map(|projection| projection.name).collect::<Vec<_>>()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(ensured)
}

async fn create(tx: &mut PgConnection, projection: &Projection) -> Result<(), ProjectorError> {
    run_in(tx, projection.schema.name(), projection.tables_sql()).await?;
    run_in(tx, projection.schema.name(), projection.guards_sql()).await?;
    versions::begin_live(tx, projection).await?;
    // empty tables reflect nothing, whatever was reflected before, and nothing is missing in them yet
    sqlx::query("delete from journal.parked where consumer = $1").bind(projection.name).execute(&mut *tx).await?;
    sqlx::query("update journal.checkpoints set position = 0, epoch = epoch + 1, parking = parking + 1 where consumer = $1")
        .bind(projection.name)
        .execute(tx)
        .await?;
    Ok(())
}

/// Runs a definition whose names have no schema, in that schema.
pub(crate) async fn run_in(tx: &mut PgConnection, schema: &str, sql: &str) -> sqlx::Result<()> {
    sqlx::query("select set_config('search_path', $1, true)").bind(schema).execute(&mut *tx).await?;
    script(tx, sql).await?;
    sqlx::query("select set_config('search_path', 'pg_catalog', true)").execute(tx).await?;
    Ok(())
}

/// Runs statements that need no values.
pub(crate) async fn script(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    connection.execute(sql).await?;
    Ok(())
}

/// Adds to tables of an older definition what they lack of this one and may be empty, so that they can be read until the new
/// ones take over.
async fn extend(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<()> {
    for table in projection.tables.iter().map(|table| table.info()) {
        let name = format!("{}.{}", projection.schema.name(), table.name);
        let missing = "select column_name from unnest($2) as column_name
            where to_regclass($1) is not null
              and not exists (select from pg_attribute where attrelid = to_regclass($1) and attname = column_name and not attisdropped)";
        let nullable: Vec<_> = table.all_columns().filter(|column| column.nullable).collect();
        let names: Vec<_> = nullable.iter().map(|column| column.name).collect();
        let missing: Vec<String> = sqlx::query_scalar(missing).bind(&name).bind(names).fetch_all(&mut *tx).await?;
        for column in nullable.iter().filter(|column| missing.iter().any(|missing| missing == column.name)) {
            // another process may have been faster
            script(tx, &format!("alter table {name} add column if not exists {} {}", column.name, column.sql)).await?;
        }
    }
    Ok(())
}

/// Whether the live tables are of this program's definition.
pub(crate) async fn is_fit(pool: &PgPool, projection: &Projection) -> sqlx::Result<bool> {
    Ok(whose(pool, projection).await? == Live::Ours)
}

/// Whose the live tables are.
pub(crate) async fn whose(pool: &PgPool, projection: &Projection) -> sqlx::Result<Live> {
    versions::live(&mut *pool.acquire().await?, projection).await
}

/// Those whose tables are of this program's definition, and the others.
pub(crate) async fn divide_by_definition(
    connection: &mut PgConnection,
    projections: &[&'static Projection],
) -> sqlx::Result<(Vec<&'static Projection>, Vec<&'static Projection>)> {
    if projections.is_empty() {
        return Ok(Default::default());
    }
    let live = versions::live_of(connection, projections).await?;
    let is_fit = |projection: &&Projection| live.get(projection.name).is_some_and(|definition| *definition == definition_of(projection));
    Ok(projections.iter().copied().partition(is_fit))
}

/// Fails unless row-level security shows whoever asks every row of a table. It hides rows without a word, also from the
/// table's owner, and what is computed from the rest would be taken for the whole.
pub(crate) async fn assert_shown(connection: &mut PgConnection, target: &Target<'_>) -> Result<(), ProjectorError> {
    let shown = "with policy as (
             select polpermissive, pg_get_expr(polqual, polrelid) as condition
             from pg_policy
             where polrelid = $1::regclass
               and polcmd in ('r', '*')
               and exists (select from unnest(polroles) as role where role = 0 or pg_has_role(role, 'usage')))
         select not row_security_active($1::regclass)
             or (select coalesce(bool_and(polpermissive) and bool_or(condition = 'true'), false) from policy)";
    let shown: bool = sqlx::query_scalar(shown).bind(target.name()).fetch_one(connection).await?;
    if shown { Ok(()) } else { Err(ProjectorError::Hidden { table: target.table.name }) }
}

/// Deletes every row of a subject from the read models, those being built or kept included. The subject is fenced before:
/// what is still written into tables that are being built goes before they are read or kept. Audit tables keep their
/// rows, which tell that something was done and not what.
pub async fn forget_subject(pool: &PgPool, projections: &[&'static Projection], organization: Uuid, subject: Uuid) -> Result<u64, ProjectorError> {
    let (mut tx, mut deleted) = (transaction::begin(pool).await?, 0);
    // no table may move while they are gone through
    sqlx::query(NO_TABLE_MOVES).execute(&mut *tx).await?;
    for table in projections.iter().filter(|p| p.schema == anamnesis_projections::kernel::Schema::Read).flat_map(|p| p.tables) {
        for schema in schemas_with(&mut tx, table.info().name).await? {
            let sql = format!("delete from {schema}.{} where organization_id = $1 and subject_id = $2", table.info().name);
            deleted += sqlx::query(&sql).bind(organization).bind(subject).execute(&mut *tx).await?.rows_affected();
        }
    }
    tx.commit().await?;
    Ok(deleted)
}

/// Held by whoever drops tables or moves them to another schema, and by whoever must find all of them.
pub(crate) const NO_TABLE_MOVES: &str = "select pg_advisory_xact_lock(hashtextextended('anamnesis tables move', 0))";

async fn schemas_with(tx: &mut PgConnection, table: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select schemaname from pg_tables where tablename = $1 and (schemaname = 'read' or schemaname like 'read\\_%')")
        .bind(table)
        .fetch_all(tx)
        .await
}
