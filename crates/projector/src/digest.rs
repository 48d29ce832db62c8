//! Do two copies of a read model say the same, although every value in them is sealed with a salt of its own?

use std::collections::BTreeSet;

use anamnesis_projections::kernel::{AnyRows, Projection, Schema, Stamp, Table};
use anamnesis_vault::{KeyOwner, Purpose, Vault};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::keys::keys_unless_erased;
use crate::schema;
use crate::table::{Target, cells};

/// Rows that are opened together.
const CHUNK: usize = 500;
/// Chunks under way: while one is opened, the next is read.
const AT_ONCE: usize = 2;

/// The digest of a projection's tables in `schema`: SHA-256 over the keyed digests of their opened rows, in the order of
/// their keys. Rows of erased subjects, which nobody can open, don't count. Whoever may not see every row is refused
/// ([`ProjectorError::Hidden`]): two copies that show nothing would be the same.
pub async fn digest(connection: &mut PgConnection, vault: &Vault, projection: &Projection, schema: &str) -> Result<String, ProjectorError> {
    digest_without(connection, vault, projection, schema, &[]).await
}

/// As [`digest`], without the rows of these streams. (A row is of the stream whose event changed it last.)
pub(crate) async fn digest_without(
    connection: &mut PgConnection,
    vault: &Vault,
    projection: &Projection,
    schema: &str,
    streams: &[Uuid],
) -> Result<String, ProjectorError> {
    let rest = if streams.is_empty() { "" } else { "where position not in (select position from journal.log where aggregate_id = any($1))" };
    let mut hash = Sha256::new();
    for table in projection.tables {
        let target = Target { schema, table: table.info() };
        schema::assert_shown(connection, &target).await?;
        hash.update(target.table.name);
        let sql = format!("select {} from {} {rest} order by {}", target.selected(), target.name(), target.table.key.join(", "));
        let query = sqlx::query(&sql);
        let query = if streams.is_empty() { query } else { query.bind(streams) };
        let chunks = query.fetch(&mut *connection).try_chunks(CHUNK).map_err(|failed| ProjectorError::from(failed.1));
        let mut digests = chunks.map_ok(|rows| digest_of_chunk(vault, *table, projection.schema, rows)).try_buffered(AT_ONCE);
        while let Some(digest) = digests.try_next().await? {
            hash.update(digest);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

async fn digest_of_chunk(vault: &Vault, table: &'static dyn Table, kind: Schema, rows: Vec<PgRow>) -> Result<Vec<u8>, ProjectorError> {
    let mut loaded = on_a_core(move || load(table, &rows)).await?;
    let keys = vault.open_keys(&loaded.key_ids()).await?;
    let owners: BTreeSet<_> = loaded.stamps().iter().map(|(_, stamp)| owner(kind, stamp)).collect();
    let digest_keys = keys_unless_erased(vault, &owners).await?;
    on_a_core(move || {
        loaded.open(&keys, true).map_err(|why| ProjectorError::Sealed { table: table.info().name, why })?;
        Ok(in_order(loaded.as_ref(), |stamp| digest_keys.get(&owner(kind, stamp))))
    })
    .await
}

async fn on_a_core<T: Send + 'static>(work: impl FnOnce() -> Result<T, ProjectorError> + Send + 'static) -> Result<T, ProjectorError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ProjectorError::Interrupted)?
}

fn load(table: &dyn Table, rows: &[PgRow]) -> Result<Box<dyn AnyRows>, ProjectorError> {
    let mut loaded = table.rows();
    for row in rows {
        loaded.load(&cells(row)?)?;
    }
    Ok(loaded)
}

fn in_order<'a>(rows: &dyn AnyRows, key_of: impl Fn(&Stamp) -> Option<&'a anamnesis_vault::DataKey>) -> Vec<u8> {
    let digest = |(key, stamp): (_, Stamp)| rows.digest(&key, key_of(&stamp)?);
    rows.stamps().into_iter().filter_map(digest).flatten().collect()
}

/// A row of the audit log outlives the erasure of whom it is about, so it is digested under the organization's key.
fn owner(kind: Schema, stamp: &Stamp) -> KeyOwner {
    let subject = match kind {
        Schema::Read => stamp.subject_id,
        Schema::Audit => stamp.organization_id,
    };
    KeyOwner { organization: stamp.organization_id, subject, purpose: Purpose::Digest }
}
