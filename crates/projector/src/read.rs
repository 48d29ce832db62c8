//! How do others get at the rows? Within a scope that row-level security holds them to, sealed until they open them.

use anamnesis_journal::transaction;
use anamnesis_projections::kernel::{Projection, Row, Stamped, blind_index};
use anamnesis_projections::schema_of;
use anamnesis_vault::{IndexKeys, Vault};
use futures::TryStreamExt as _;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres, QueryBuilder, Transaction};
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::progress::Wanted;
use crate::table::{Target, cells};

/// On whose behalf rows are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Those who run the organization: all of its rows but the audit log.
    Staff,
    /// A provider: as staff; which patients, the caller decides.
    Provider {
        /// Their account.
        account_id: Uuid,
    },
    /// A patient: their own rows, and the organization's directory.
    Patient {
        /// Who they are.
        patient_id: Uuid,
        /// Their account.
        account_id: Uuid,
    },
    /// An auditor or privacy officer: the audit log.
    Audit,
}

impl Scope {
    /// What holds a transaction to what it may see of an organization: no more than a role's name and ids.
    fn held_to(self, organization_id: Uuid) -> String {
        let (role, patient, account) = match self {
            Self::Staff => ("staff", None, None),
            Self::Provider { account_id } => ("provider", None, Some(account_id)),
            Self::Patient { patient_id, account_id } => ("patient", Some(patient_id), Some(account_id)),
            Self::Audit => ("audit", None, None),
        };
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        format!(
            "select set_config('anamnesis.organization_id', '{organization_id}', true),
                    set_config('anamnesis.role_scope', '{role}', true),
                    set_config('anamnesis.patient_id', '{}', true),
                    set_config('anamnesis.account_id', '{}', true)",
            text(patient),
            text(account)
        )
    }
}

/// Begins a transaction that reads the tables of these projections in one snapshot, in which they are whole, within a scope.
///
/// They are locked before the snapshot is taken: a rebuild that puts others in their place waits, or is done before. Else
/// the snapshot could be older than the rows of the tables that it finds.
pub async fn begin(
    pool: &PgPool,
    projections: &[&Projection],
    organization_id: Uuid,
    scope: Scope,
) -> Result<Transaction<'static, Postgres>, ProjectorError> {
    let names: Vec<_> = projections
        .iter()
        .flat_map(|projection| projection.tables.iter().map(|table| Target { schema: projection.schema.name(), table: table.info() }.name()))
        .collect();
    let mut tx = transaction::begin_as(pool, "begin isolation level repeatable read read only").await.map_err(ProjectorError::of_reading)?;
    let whole = format!("lock table {} in access share mode; {}", names.join(", "), scope.held_to(organization_id));
    tx.execute(whole.as_str()).await.map_err(ProjectorError::of_reading)?;
    Ok(tx)
}

/// How far a projection is in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The last position that its rows reflect.
    pub position: u64,
    /// The checkpoint of the partition that was asked for; 0 if it doesn't follow that.
    checkpoint: u64,
}

impl Place {
    /// Whether its rows reflect what is wanted.
    pub fn has(self, wanted: Wanted) -> bool {
        self.position.max(self.checkpoint) >= wanted.position
    }
}

/// How far the projection is that the rows of this transaction's snapshot belong to, and one of its partitions.
pub async fn place(tx: &mut PgConnection, projection: &Projection, partition: Option<u32>) -> Result<Place, ProjectorError> {
    let (position, checkpoint): (i64, i64) = sqlx::query_as(
        "select coalesce((select position from journal.reached where consumer = $1), 0),
                coalesce((select position from journal.checkpoints where consumer = $1 and partition = $2), 0)",
    )
    .bind(projection.name)
    .bind(partition.map(u32::cast_signed))
    .fetch_one(tx)
    .await?;
    Ok(Place { position: position.cast_unsigned(), checkpoint: checkpoint.cast_unsigned() })
}

/// The rows of `R` for which what `rest` adds to `where` holds; sealed columns stay sealed ([`open`]).
///
/// `rest` writes a condition, and after it, if it wants, `order by` and `limit`.
pub async fn rows<R: Row>(tx: &mut PgConnection, rest: impl FnOnce(&mut QueryBuilder<'_, Postgres>)) -> Result<Vec<Stamped<R>>, ProjectorError> {
    rows_in(tx, schema_of::<R>().name(), rest).await
}

/// As [`rows`], until they are longer than so many bytes: then one more is read than fits, as if there had been a limit. The first
/// always fits.
pub(crate) async fn rows_up_to<R: Row>(
    tx: &mut PgConnection,
    most_bytes: usize,
    rest: impl FnOnce(&mut QueryBuilder<'_, Postgres>),
) -> Result<(Vec<Stamped<R>>, usize), ProjectorError> {
    let mut query = selecting::<R>(schema_of::<R>().name());
    rest(&mut query);
    let mut selected = query.build().fetch(tx);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = selected.try_next().await.map_err(ProjectorError::of_reading)? {
        let cells = cells(&row)?;
        bytes += cells.iter().flatten().map(String::len).sum::<usize>();
        rows.push(Stamped::read(&cells)?);
        if bytes > most_bytes && rows.len() > 1 {
            let fits = rows.len() - 1;
            return Ok((rows, fits));
        }
    }
    let all = rows.len();
    Ok((rows, all))
}

/// As [`rows`], from another schema: a read model as it was at a position.
pub async fn rows_in<R: Row>(
    tx: &mut PgConnection,
    schema: &str,
    rest: impl FnOnce(&mut QueryBuilder<'_, Postgres>),
) -> Result<Vec<Stamped<R>>, ProjectorError> {
    selected_in::<R>(tx, schema, rest).await?.iter().map(|row| Ok(Stamped::read(row)?)).collect()
}

/// As [`rows`], but as they were selected: `Stamped::read` takes each for what it is. To be kept, sealed again.
pub async fn selected<R: Row>(tx: &mut PgConnection, rest: impl FnOnce(&mut QueryBuilder<'_, Postgres>)) -> Result<Vec<Selected>, ProjectorError> {
    selected_in::<R>(tx, schema_of::<R>().name(), rest).await
}

/// A row as it was selected, column by column. What of it isn't sealed is in the clear.
pub type Selected = Vec<Option<String>>;

fn selecting<'q, R: Row>(schema: &str) -> QueryBuilder<'q, Postgres> {
    let target = Target { schema, table: R::TABLE };
    QueryBuilder::new(format!("select {} from {} where ", target.selected(), target.name()))
}

async fn selected_in<R: Row>(
    tx: &mut PgConnection,
    schema: &str,
    rest: impl FnOnce(&mut QueryBuilder<'_, Postgres>),
) -> Result<Vec<Selected>, ProjectorError> {
    let mut query = selecting::<R>(schema);
    rest(&mut query);
    let rows = query.build().fetch_all(tx).await.map_err(ProjectorError::of_reading)?;
    rows.iter().map(|row| Ok(cells(row)?)).collect()
}

/// Opens every sealed column of the rows, or finds it erased; one look-up for all keys.
pub async fn open<R: Row>(vault: &Vault, rows: &mut [Stamped<R>]) -> Result<(), ProjectorError> {
    let mut key_ids: Vec<_> = rows.iter().flat_map(|row| row.row.key_ids()).collect();
    key_ids.sort_unstable();
    key_ids.dedup();
    let keys = vault.open_keys(&key_ids).await?;
    rows.iter_mut().try_for_each(|row| row.open(&keys)).map_err(|why| ProjectorError::Sealed { table: R::TABLE.name, why })
}

/// What a value is found by in a blind index of `R`: compare it with `column` (or, of a list, with `any(column)`).
///
/// The value is normalised as the fold does it: see `anamnesis_projections::normal` and the values' own `normalised`.
pub fn blind<R: Row>(keys: &IndexKeys, column: &str, normalised: &str) -> Vec<u8> {
    blind_index(keys, R::TABLE.name, column, normalised).to_vec()
}
