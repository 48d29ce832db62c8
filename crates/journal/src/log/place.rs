//! What does the log say of an event, without the event itself?

use anamnesis_domain::Instant;
use uuid::Uuid;

use super::LogError;
use crate::follower::LogRow;
use crate::tree::Hash;

/// A position, and whose event stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The number in the total order, from 1.
    pub position: u64,
    /// When it was logged.
    pub logged_at: Instant,
    /// The tenant.
    pub organization_id: Uuid,
    /// The kind of the event's stream.
    pub aggregate_type: String,
    /// The event's stream.
    pub aggregate_id: Uuid,
    /// Whose key seals the event.
    pub subject_id: Uuid,
    /// The entry's leaf in the tree.
    pub leaf: Hash,
}

/// The places after a position, if none is missing between it and them.
pub(super) fn dense(position: u64, rows: Vec<LogRow>) -> Result<Vec<Place>, LogError> {
    rows.into_iter().zip(position + 1..).map(|(row, expected)| place(row, expected)).collect()
}

fn place(row: LogRow, expected: u64) -> Result<Place, LogError> {
    if row.position.cast_unsigned() != expected {
        return Err(LogError::Gap { expected });
    }
    let leaf = row.leaf().ok_or(LogError::Altered { position: expected, what: "its hash doesn't have 32 bytes" })?;
    let LogRow { logged_at, organization_id, aggregate_type, aggregate_id, subject_id, .. } = row;
    Ok(Place { position: expected, logged_at: logged_at.into(), organization_id, aggregate_type, aggregate_id, subject_id, leaf })
}
