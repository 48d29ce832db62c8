//! Which leaves follow those that are in the tree?

use sqlx::PgPool;
use uuid::Uuid;

use chrono::{DateTime, Utc};

use super::TreeError;
use crate::row::{Entry, RowHash};
use crate::tree::Hash;

/// What the log says of one event, as it is stored.
#[derive(sqlx::FromRow)]
struct LogRow {
    position: i64,
    logged_at: DateTime<Utc>,
    organization_id: Uuid,
    aggregate_type: String,
    aggregate_id: Uuid,
    sequence: i64,
    subject_id: Uuid,
    row_hash: Vec<u8>,
}

/// The leaves after the first `size` ones: at most `limit`, and none missing.
pub(crate) async fn leaves_after(pool: &PgPool, size: u64, limit: u32) -> Result<Vec<Hash>, TreeError> {
    let rows: Vec<LogRow> = sqlx::query_as(
        "select position, logged_at, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
         from journal.log
         where position > $1
         order by position
         limit $2",
    )
    .bind(size.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().zip(size + 1..).map(|(row, position)| row.leaf_at(position)).collect()
}

impl LogRow {
    fn leaf_at(&self, position: u64) -> Result<Hash, TreeError> {
        if self.position.cast_unsigned() != position {
            return Err(TreeError::Gap { expected: position });
        }
        let entry = Entry {
            position,
            logged_at_us: self.logged_at.timestamp_micros(),
            organization_id: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence.cast_unsigned(),
            subject_id: self.subject_id,
            row_hash: RowHash::try_from(self.row_hash.as_slice()).map_err(|_| TreeError::NotAHash { position })?,
        };
        Ok(entry.leaf())
    }
}
