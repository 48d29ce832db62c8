//! How far is the log published, whoever publishes it?

use sqlx::PgPool;

/// How far Kafka's copy of the log has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Every event up to here is in Kafka, or was.
    pub position: u64,
    /// Whether anybody publishes.
    pub is_led: bool,
    /// The lease's number; each new publisher has a higher one.
    pub epoch: u64,
}

impl Publication {
    /// As the database that `pool` leads to has it; for any of our roles.
    pub async fn of(pool: &PgPool) -> sqlx::Result<Self> {
        let sql = "select position, expires_at > clock_timestamp(), epoch from journal.publisher";
        let (position, is_led, epoch): (i64, bool, i64) = sqlx::query_as(sql).fetch_one(pool).await?;
        Ok(Self { position: position.cast_unsigned(), is_led, epoch: epoch.cast_unsigned() })
    }
}
