//! How far is the log published, whoever publishes it?

use sqlx::PgPool;

/// How far Kafka's copy of the log has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Every event up to here is in Kafka, or was.
    pub position: u64,
    /// Whether anybody publishes.
    pub is_led: bool,
}

impl Publication {
    /// As the database that `pool` leads to has it; for any of our roles.
    pub async fn of(pool: &PgPool) -> sqlx::Result<Self> {
        let sql = "select position, expires_at > clock_timestamp() from journal.publisher";
        let (position, is_led): (i64, bool) = sqlx::query_as(sql).fetch_one(pool).await?;
        Ok(Self { position: position.cast_unsigned(), is_led })
    }
}
