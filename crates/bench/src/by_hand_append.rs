//! How fast can the same rows get into the same table at all? By hand: a hundred in a statement, on eight connections.

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::harness::commands_a_second;
use crate::server::{Installation, Server};

const ROWS: usize = 100;
const CONNECTIONS: u32 = 8;

/// What stays the same of a row when it is written again.
#[derive(Clone, FromRow)]
struct Sample {
    organization_id: Uuid,
    aggregate_type: String,
    event_type: String,
    event_version: i32,
    fingerprint: Vec<u8>,
    subject_id: Uuid,
    metadata_subject_id: Uuid,
    recorded_at: DateTime<Utc>,
    correlation_id: Uuid,
    causation_id: Uuid,
    actor_id: Uuid,
    payload: Vec<u8>,
    metadata: Vec<u8>,
    row_hash: Vec<u8>,
}

/// A table `journal.events` that nothing but rows comes into.
pub(crate) struct BareTable {
    pool: PgPool,
    rows: Vec<Sample>,
    _installation: Installation,
}

impl BareTable {
    /// To be filled with rows that a journal has written.
    pub(crate) async fn like(server: &Server, journal: &Installation) -> Result<Self> {
        let installation = Installation::new(server).await?;
        let rows: Vec<Sample> = sqlx::query_as(
            "select organization_id, aggregate_type, event_type, event_version, fingerprint, subject_id, metadata_subject_id, recorded_at,
                    correlation_id, causation_id, actor_id, payload, metadata, row_hash
             from journal.events
             limit $1",
        )
        .bind(i64::try_from(ROWS)?)
        .fetch_all(&journal.database.superuser(1).await?)
        .await?;
        ensure!(rows.len() == ROWS, "the journal has too few rows to copy");
        let pool = installation.database.superuser(CONNECTIONS).await?;
        sqlx::query("alter table journal.events disable trigger all").execute(&pool).await?;
        Ok(Self { pool, rows, _installation: installation })
    }

    /// Rows a second. They are gone afterwards, so that the other side has memory and disk to itself.
    pub(crate) async fn fill(&self) -> Result<f64> {
        let (pool, samples) = (self.pool.clone(), std::sync::Arc::<[Sample]>::from(self.rows.clone()));
        let statements = commands_a_second(usize::try_from(CONNECTIONS)?, move || {
            let (pool, samples) = (pool.clone(), std::sync::Arc::clone(&samples));
            async move { insert(&pool, &samples).await }
        });
        let rows = statements.await? * f64::from(u32::try_from(ROWS)?);
        sqlx::query("truncate journal.events").execute(&self.pool).await?;
        Ok(rows)
    }
}

async fn insert(pool: &PgPool, rows: &[Sample]) -> Result<()> {
    let ids = || rows.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>();
    sqlx::query(
        "insert into journal.events
            (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint, subject_id,
             metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)
         select organization_id, aggregate_type, aggregate_id, 1, event_id, event_type, event_version, fingerprint, subject_id,
             metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash
         from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::bytea[], $8::uuid[], $9::uuid[],
                $10::timestamptz[], $11::uuid[], $12::uuid[], $13::uuid[], $14::uuid[], $15::bytea[], $16::bytea[], $17::bytea[])
            as row (organization_id, aggregate_type, aggregate_id, event_id, event_type, event_version, fingerprint, subject_id,
                metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)",
    )
    .bind(column(rows, |row| row.organization_id))
    .bind(column(rows, |row| row.aggregate_type.as_str()))
    .bind(ids())
    .bind(ids())
    .bind(column(rows, |row| row.event_type.as_str()))
    .bind(column(rows, |row| row.event_version))
    .bind(column(rows, |row| row.fingerprint.as_slice()))
    .bind(column(rows, |row| row.subject_id))
    .bind(column(rows, |row| row.metadata_subject_id))
    .bind(column(rows, |row| row.recorded_at))
    .bind(ids())
    .bind(column(rows, |row| row.correlation_id))
    .bind(column(rows, |row| row.causation_id))
    .bind(column(rows, |row| row.actor_id))
    .bind(column(rows, |row| row.payload.as_slice()))
    .bind(column(rows, |row| row.metadata.as_slice()))
    .bind(column(rows, |row| row.row_hash.as_slice()))
    .execute(pool)
    .await?;
    Ok(())
}

fn column<'a, T>(rows: &'a [Sample], value: impl Fn(&'a Sample) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
