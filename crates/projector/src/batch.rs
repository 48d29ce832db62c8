//! What becomes of a batch of events in one projection's tables?

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anamnesis_domain::Recorded;
use anamnesis_projections::kernel::{AnyRows, AtPoison, Key, Projection, Schema, Table};
use anamnesis_vault::{KeyOwner, Vault};
use serde_json::{Map, Value};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::cached;
use crate::error::{Fault, ProjectorError, Reason};
use crate::keys::Keyring;
use crate::parking::{Parking, Stream};
use crate::table::Target;

/// A row that a batch changed.
pub(crate) struct Touched {
    pub(crate) table: &'static str,
    pub(crate) organization: Uuid,
    pub(crate) key: Key,
    /// What it said in the clear before and says now, where the cache asks for it.
    pub(crate) before: Option<Clear>,
    pub(crate) after: Option<Clear>,
}

/// A row's columns in the clear.
pub(crate) type Clear = Map<String, Value>;

/// Folds events into the tables of `projection` that stand in `schema`, within the caller's transaction. Answers which
/// rows it changed.
pub(crate) async fn fold(
    tx: &mut PgConnection,
    vault: &Vault,
    projection: &Projection,
    schema: &str,
    events: &[&Recorded],
) -> Result<Vec<Touched>, ProjectorError> {
    let mut touched = Vec::new();
    for table in projection.tables {
        let events: Vec<_> = events.iter().copied().filter(|event| table.streams().include(event.aggregate_type)).collect();
        let target = Target { schema, table: table.info() };
        touched.extend(fold_table(tx, vault, *table, &target, projection.schema, &events).await?);
    }
    Ok(touched)
}

/// An event that can't be taken.
#[derive(Debug)]
pub(crate) struct Poison {
    /// Which of the events that were given.
    pub(crate) index: usize,
    pub(crate) reason: Reason,
    pub(crate) error: ProjectorError,
}

/// As [`fold`], but one after another, up to the first that can't be taken: what comes before that is folded, and of that
/// itself there is no trace.
pub(crate) async fn fold_until_poison(
    tx: &mut PgConnection,
    vault: &Vault,
    projection: &Projection,
    schema: &str,
    events: &[&Recorded],
) -> Result<(Vec<Touched>, Option<Poison>), ProjectorError> {
    let mut touched = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let mut savepoint = tx.begin().await?;
        match fold(&mut savepoint, vault, projection, schema, &[event]).await {
            Ok(more) => {
                savepoint.commit().await?;
                touched.extend(more);
            }
            Err(error) => {
                let Fault::OfEvent(reason) = error.fault() else { return Err(error) };
                savepoint.rollback().await?;
                return Ok((touched, Some(Poison { index, reason, error })));
            }
        }
    }
    Ok((touched, None))
}

/// As [`fold_until_poison`], but what can't be taken parks its stream, or is left out if it is to be; the rest goes on. A
/// projection that doesn't park ends there, and tells at which position.
pub(crate) async fn fold_around_poison(
    tx: &mut PgConnection,
    vault: &Vault,
    projection: &Projection,
    schema: &str,
    mut events: Vec<&Recorded>,
    parking: &mut Parking,
) -> Result<(Vec<Touched>, Option<(u64, ProjectorError)>), ProjectorError> {
    let mut touched = Vec::new();
    loop {
        let (more, poison) = fold_until_poison(tx, vault, projection, schema, &events).await?;
        touched.extend(more);
        let Some(Poison { index, reason, error }) = poison else { return Ok((touched, None)) };
        let rest = events.split_off(index + 1);
        let Some(event) = events.pop() else { return Ok((touched, None)) };
        if parking.skips(event.position) {
            parking.leave_out(event.position);
        } else {
            parking.park(Stream::of(event), event.position, reason);
            if projection.at_poison() != AtPoison::ParksTheStream {
                return Ok((touched, Some((event.position, error))));
            }
        }
        events = rest;
        parking.let_wait(&mut events);
    }
}

async fn fold_table(
    tx: &mut PgConnection,
    vault: &Vault,
    table: &dyn Table,
    target: &Target<'_>,
    kind: Schema,
    events: &[&Recorded],
) -> Result<Vec<Touched>, ProjectorError> {
    let keys: BTreeSet<Key> = events.iter().flat_map(|event| table.keys(event)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = table.rows();
    if kind == Schema::Read {
        load(tx, vault, target, rows.as_mut(), &Vec::from_iter(keys)).await?;
    }
    let before = stored(target.table.name, rows.as_ref());
    fold_in_memory(rows.as_mut(), target.table.name, events)?;
    write(tx, vault, target, kind, rows.as_ref()).await?;
    Ok(touched(target.table.name, before, rows.as_ref()))
}

/// The rows that stand in the table: whose they are, and what the cache asks for.
fn stored(table: &'static str, rows: &dyn AnyRows) -> HashMap<Key, (Uuid, Option<Clear>)> {
    let clear = |key: &Key| if cached::reads_columns(table) { rows.clear_json(key) } else { None };
    rows.stamps().into_iter().map(|(key, stamp)| (key.clone(), (stamp.organization_id, clear(&key)))).collect()
}

fn touched(table: &'static str, mut before: HashMap<Key, (Uuid, Option<Clear>)>, rows: &dyn AnyRows) -> Vec<Touched> {
    let changes = rows.changes().into_iter().filter_map(|change| {
        let (organization, before) = before.remove(&change.key).map_or((None, None), |(organization, clear)| (Some(organization), clear));
        let organization = organization.or(change.owner.map(|owner| owner.organization))?;
        let after = if cached::reads_columns(table) { rows.clear_json(&change.key) } else { None };
        Some(Touched { table, organization, key: change.key, before, after })
    });
    changes.collect()
}

/// What is only added to is never read back.
async fn load(tx: &mut PgConnection, vault: &Vault, target: &Target<'_>, rows: &mut dyn AnyRows, keys: &[Key]) -> Result<(), ProjectorError> {
    for cells in target.load(tx, keys).await.map_err(ProjectorError::of_rows(target.table.name))? {
        rows.load(&cells)?;
    }
    if rows.reads_sealed() {
        let keys = vault.open_keys(&rows.key_ids()).await?;
        rows.open(&keys, false).map_err(|why| ProjectorError::Sealed { table: target.table.name, why })?;
    }
    Ok(())
}

/// A fold that panics must not take the others with it.
pub(crate) fn fold_in_memory(rows: &mut dyn AnyRows, table: &'static str, events: &[&Recorded]) -> Result<(), ProjectorError> {
    for event in events {
        let panicked = ProjectorError::Panicked { table, position: event.position };
        catch_unwind(AssertUnwindSafe(|| rows.fold(event))).map_err(|_| panicked)??;
    }
    Ok(())
}

async fn write(tx: &mut PgConnection, vault: &Vault, target: &Target<'_>, kind: Schema, rows: &dyn AnyRows) -> Result<(), ProjectorError> {
    let changes = rows.changes();
    let owners: BTreeSet<KeyOwner> = changes.iter().filter_map(|change| change.owner).collect();
    let keyring = Keyring::of(vault, &owners).await?;
    let (mut put, mut removed) = (Vec::with_capacity(changes.len()), Vec::new());
    for change in changes {
        let keys = change.owner.and_then(|owner| keyring.row_keys(&owner)).filter(|keys| kind == Schema::Audit || keys.subject.is_some());
        match keys.and_then(|keys| rows.cells(&change.key, &keys)) {
            Some(cells) => put.push(cells),
            // it was removed, or its subject was erased meanwhile
            None => removed.push(change.key),
        }
    }
    let refused = ProjectorError::of_rows(target.table.name);
    match kind {
        Schema::Read => target.upsert(tx, put).await.map_err(&refused)?,
        Schema::Audit => target.insert(tx, put).await.map_err(&refused)?,
    }
    if !removed.is_empty() {
        target.delete(tx, &removed).await.map_err(refused)?;
    }
    Ok(())
}
