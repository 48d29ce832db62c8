//! How do many rows get into an empty table? Sealed on all cores, written with COPY.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use anamnesis_projections::kernel::{AnyRows, Change, Schema};
use anamnesis_vault::{KeyOwner, Vault};
use sqlx::PgConnection;
use tokio::task::JoinSet;

use crate::error::ProjectorError;
use crate::keys::Keyring;
use crate::table::Target;

/// Writes every row that was folded. Rows of subjects who were erased meanwhile are left out, as a fold of their erased
/// events would leave them out.
pub(crate) async fn copy(
    connection: &mut PgConnection,
    vault: &Vault,
    target: &Target<'_>,
    kind: Schema,
    rows: Arc<dyn AnyRows>,
) -> Result<(), ProjectorError> {
    let changes = rows.changes();
    if changes.is_empty() {
        return Ok(());
    }
    let owners: BTreeSet<KeyOwner> = changes.iter().filter_map(|change| change.owner).collect();
    let keyring = Arc::new(Keyring::of(vault, &owners).await?);
    let lines = in_parallel(rows, changes, keyring, kind).await?;
    let statement = format!("copy {} ({}) from stdin", target.name(), target.column_names());
    let refused = ProjectorError::of_rows(target.table.name);
    let mut copy = connection.copy_in_raw(&statement).await?;
    for part in lines {
        copy.send(part).await.map_err(&refused)?;
    }
    copy.finish().await.map_err(refused)?;
    Ok(())
}

async fn in_parallel(rows: Arc<dyn AnyRows>, mut changes: Vec<Change>, keyring: Arc<Keyring>, kind: Schema) -> Result<Vec<Vec<u8>>, ProjectorError> {
    let share = changes.len().div_ceil(available_parallelism().map_or(1, NonZero::get));
    let mut tasks = JoinSet::new();
    while !changes.is_empty() {
        let part = changes.split_off(changes.len().saturating_sub(share));
        let (rows, keyring) = (Arc::clone(&rows), Arc::clone(&keyring));
        tasks.spawn_blocking(move || lines(rows.as_ref(), &part, &keyring, kind));
    }
    let mut parts = Vec::new();
    while let Some(part) = tasks.join_next().await {
        parts.push(part.map_err(|_| ProjectorError::Interrupted)?);
    }
    Ok(parts)
}

/// The rows in COPY's text format.
fn lines(rows: &dyn AnyRows, changes: &[Change], keyring: &Keyring, kind: Schema) -> Vec<u8> {
    let mut lines = Vec::new();
    for change in changes {
        let keys = change.owner.and_then(|owner| keyring.row_keys(&owner)).filter(|keys| kind == Schema::Audit || keys.subject.is_some());
        if let Some(cells) = keys.and_then(|keys| rows.cells(&change.key, &keys)) {
            line(&mut lines, &cells);
        }
    }
    lines
}

fn line(lines: &mut Vec<u8>, cells: &[Option<String>]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            lines.push(b'\t');
        }
        match cell {
            Some(text) => escaped(lines, text.as_bytes()),
            None => lines.extend_from_slice(b"\\N"),
        }
    }
    lines.push(b'\n');
}

/// Most of a row is hex, in which there is nothing to escape but its beginning: what lies between is taken as a whole.
fn escaped(lines: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = text.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        lines.extend_from_slice(&text[..at]);
        lines.extend_from_slice(match text[at] {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            _ => b"\\\\",
        });
        text = &text[at + 1..];
    }
    lines.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_lines_and_cells_is_escaped_inside_them() {
        let mut lines = Vec::new();
        line(&mut lines, &[Some("a\tb\\N".to_owned()), None, Some("1\n2\r".to_owned()), Some(String::new())]);
        assert_eq!(String::from_utf8(lines).unwrap(), "a\\tb\\\\N\t\\N\t1\\n2\\r\t\n");
    }
}
