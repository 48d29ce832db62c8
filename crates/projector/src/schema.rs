//! Are the tables there, and are they the ones that this program folds into?

use anamnesis_projections::SCOPE;
use anamnesis_projections::kernel::Projection;
use sha2::{Digest, Sha256};
use sqlx::{Executor as _, PgConnection, PgPool};
use uuid::Uuid;

use crate::error::ProjectorError;

/// What [`ensure_schema`] found.
#[derive(Clone, Default, Debug)]
pub struct Ensured {
    /// Projections whose tables it made, empty.
    pub created: Vec<&'static str>,
    /// Projections whose tables are of another definition: they must be rebuilt before they run.
    pub changed: Vec<&'static str>,
}

/// Makes the tables that aren't there. Needs a pool that may create schemas and tables; asking twice is once.
pub async fn ensure_schema(owner: &PgPool, projections: &[&'static Projection]) -> Result<Ensured, ProjectorError> {
    let mut tx = owner.begin().await?;
    // two processes that start together must not both make the same table
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('anamnesis projections', 0))").execute(&mut *tx).await?;
    script(&mut tx, SCOPE).await?;
    let mut ensured = Ensured::default();
    for projection in projections {
        match built(&mut tx, projection).await? {
            Some(definition) if definition == definition_of(projection) => {}
            Some(_) => ensured.changed.push(projection.name),
            None => {
                create(&mut tx, projection).await?;
                ensured.created.push(projection.name);
            }
        }
    }
    tx.commit().await?;
    Ok(ensured)
}

async fn create(tx: &mut PgConnection, projection: &Projection) -> Result<(), ProjectorError> {
    run_in(tx, projection.schema.name(), projection.tables_sql()).await?;
    run_in(tx, projection.schema.name(), projection.guards_sql()).await?;
    remember(tx, projection).await?;
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

/// Writes down of which definition the live tables are.
pub(crate) async fn remember(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<()> {
    sqlx::query(
        "insert into read.built (projection, definition)
         values ($1, $2)
         on conflict (projection) do update set definition = excluded.definition",
    )
    .bind(projection.name)
    .bind(definition_of(projection))
    .execute(tx)
    .await?;
    Ok(())
}

async fn built(tx: &mut PgConnection, projection: &Projection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select definition from read.built where projection = $1").bind(projection.name).fetch_optional(tx).await
}

/// A digest of the tables and of the fold's version.
fn definition_of(projection: &Projection) -> String {
    hex::encode(Sha256::new().chain_update(projection.version.to_be_bytes()).chain_update(projection.sql).finalize())
}

/// Those whose tables are of this program's definition, and the others.
pub(crate) async fn divide_by_definition(
    pool: &PgPool,
    projections: &[&'static Projection],
) -> sqlx::Result<(Vec<&'static Projection>, Vec<&'static Projection>)> {
    let mut connection = pool.acquire().await?;
    let (mut fit, mut others) = (Vec::new(), Vec::new());
    for projection in projections {
        let is_fit = built(&mut connection, projection).await?.is_some_and(|definition| definition == definition_of(projection));
        if is_fit { fit.push(*projection) } else { others.push(*projection) }
    }
    Ok((fit, others))
}

/// Deletes every row of a subject from the read models, those being built included. The subject is fenced before; audit
/// tables keep their rows, which tell that something was done and not what.
pub async fn forget_subject(pool: &PgPool, projections: &[&'static Projection], organization: Uuid, subject: Uuid) -> Result<u64, ProjectorError> {
    let mut deleted = 0;
    for table in projections.iter().filter(|p| p.schema == anamnesis_projections::kernel::Schema::Read).flat_map(|p| p.tables) {
        for schema in schemas_with(pool, table.info().name).await? {
            let sql = format!("delete from {schema}.{} where organization_id = $1 and subject_id = $2", table.info().name);
            deleted += sqlx::query(&sql).bind(organization).bind(subject).execute(pool).await?.rows_affected();
        }
    }
    Ok(deleted)
}

async fn schemas_with(pool: &PgPool, table: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select schemaname from pg_tables where tablename = $1 and (schemaname = 'read' or schemaname like 'read\\_%')")
        .bind(table)
        .fetch_all(pool)
        .await
}
