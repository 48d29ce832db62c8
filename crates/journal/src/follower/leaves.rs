//! Which leaves follow those that are in the tree?

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::TreeError;
use crate::row::{Entry, RowHash};
use crate::tree::Hash;

/// What the log says of one event, as it is stored.
#[derive(sqlx::FromRow)]
pub(crate) struct LogRow {
    pub(crate) position: i64,
    pub(crate) logged_at: DateTime<Utc>,
    pub(crate) arrival: i64,
    pub(crate) organization_id: Uuid,
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: Uuid,
    pub(crate) sequence: i64,
    pub(crate) subject_id: Uuid,
    pub(crate) row_hash: Vec<u8>,
}

/// The leaves after the first `size` ones: at most `limit`, and none missing.
pub(super) async fn leaves_after(pool: &PgPool, size: u64, limit: u32) -> Result<Vec<Hash>, TreeError> {
    let rows = log_rows_after(pool, size, limit).await?;
    rows.iter().zip(size + 1..).map(|(row, position)| row.leaf_at(position)).collect()
}

/// The log's rows after a position, as they are.
pub(crate) async fn log_rows_after(pool: &PgPool, position: u64, limit: u32) -> sqlx::Result<Vec<LogRow>> {
    sqlx::query_as(
        "select position, logged_at, arrival, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
         from journal.log
         where position > $1
         order by position
         limit $2",
    )
    .bind(position.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

impl LogRow {
    fn leaf_at(&self, position: u64) -> Result<Hash, TreeError> {
        if self.position.cast_unsigned() != position {
            return Err(TreeError::Gap { expected: position });
        }
        self.leaf().ok_or(TreeError::NotAHash { position })
    }

    /// The leaf of the row; `None` if its row hash is no hash.
    pub(crate) fn leaf(&self) -> Option<Hash> {
        let entry = Entry {
            position: self.position.cast_unsigned(),
            logged_at_us: self.logged_at.timestamp_micros(),
            organization_id: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence.cast_unsigned(),
            subject_id: self.subject_id,
            row_hash: RowHash::try_from(self.row_hash.as_slice()).ok()?,
        };
        Some(entry.leaf())
    }
}
