//! What does Postgres remember of Kafka's copy? (migrations/0006_publication.sql)

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;

use crate::topics::{Topic, TopicPartition};

/// The rows about the publication. They can be found out again by looking into Kafka.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: PgPool,
}

/// How far Kafka's copy has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Published {
    /// Every event up to here is in Kafka, or was.
    pub(crate) position: u64,
    /// The last position in each partition that has any.
    pub(crate) tails: BTreeMap<TopicPartition, u64>,
}

/// How far all has come, and one partition, if there is one.
#[derive(sqlx::FromRow)]
struct Reached {
    position: i64,
    topic: Option<String>,
    partition: Option<i32>,
    tail: Option<i64>,
}

/// A schema under its id in the registry.
#[derive(sqlx::FromRow)]
pub(crate) struct Registered {
    pub(crate) subject: String,
    pub(crate) schema_id: i32,
    pub(crate) fingerprint: Vec<u8>,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The new epoch, if nobody else publishes.
    pub(crate) async fn lead(&self, name: &str, lease: Duration) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar("select journal.lead_publication($1, $2)").bind(name).bind(interval(lease)?).fetch_one(&self.pool).await
    }

    /// Says how far it came, and keeps the lease; false when another epoch has begun.
    pub(crate) async fn move_to(&self, epoch: i64, lease: Duration, position: u64, tails: &BTreeMap<TopicPartition, u64>) -> sqlx::Result<bool> {
        sqlx::query_scalar("select journal.move_publication($1, $2, $3, $4, $5, $6)")
            .bind(epoch)
            .bind(interval(lease)?)
            .bind(position.cast_signed())
            .bind(tails.keys().map(|partition| partition.topic.name()).collect::<Vec<_>>())
            .bind(tails.keys().map(|partition| partition.kafka_index()).collect::<Vec<_>>())
            .bind(tails.values().map(|position| position.cast_signed()).collect::<Vec<_>>())
            .fetch_one(&self.pool)
            .await
    }

    /// Keeps the lease; false when another epoch has begun.
    pub(crate) async fn keep_lease(&self, epoch: i64, lease: Duration) -> sqlx::Result<bool> {
        let kept = sqlx::query("update journal.publisher set expires_at = clock_timestamp() + $2 where epoch = $1")
            .bind(epoch)
            .bind(interval(lease)?)
            .execute(&self.pool)
            .await?;
        Ok(kept.rows_affected() > 0)
    }

    /// Lets the next publisher begin at once.
    pub(crate) async fn release(&self, epoch: i64) -> sqlx::Result<()> {
        sqlx::query("update journal.publisher set expires_at = '-infinity' where epoch = $1").bind(epoch).execute(&self.pool).await?;
        Ok(())
    }

    /// In one statement: with tails that are older than the position, a partition could seem to have nothing up to there.
    pub(crate) async fn published(&self) -> sqlx::Result<Published> {
        let rows: Vec<Reached> = sqlx::query_as(
            "select publisher.position, tail.topic, tail.partition, tail.position as tail
             from journal.publisher left join journal.published as tail on true",
        )
        .fetch_all(&self.pool)
        .await?;
        let position = rows.first().map_or(0, |row| row.position.cast_unsigned());
        let tail = |row: Reached| {
            let partition = TopicPartition { topic: Topic::named(&row.topic?)?, index: u32::try_from(row.partition?).ok()? };
            Some((partition, row.tail?.cast_unsigned()))
        };
        Ok(Published { position, tails: rows.into_iter().filter_map(tail).collect() })
    }

    /// The last position of one partition that is, or was, in Kafka.
    pub(crate) async fn tail(&self, partition: TopicPartition) -> sqlx::Result<u64> {
        let position: Option<i64> = sqlx::query_scalar("select position from journal.published where topic = $1 and partition = $2")
            .bind(partition.topic.name())
            .bind(partition.kafka_index())
            .fetch_optional(&self.pool)
            .await?;
        Ok(position.unwrap_or(0).cast_unsigned())
    }

    /// The schemas in the order in which they were registered first.
    pub(crate) async fn registered(&self) -> sqlx::Result<Vec<Registered>> {
        sqlx::query_as("select subject, schema_id, fingerprint from journal.registered_schemas order by ordinal").fetch_all(&self.pool).await
    }

    pub(crate) async fn remember_schema(&self, subject: &str, schema_id: i32, fingerprint: [u8; 8]) -> sqlx::Result<()> {
        sqlx::query("insert into journal.registered_schemas (subject, schema_id, fingerprint) values ($1, $2, $3) on conflict do nothing")
            .bind(subject)
            .bind(schema_id)
            .bind(fingerprint.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What a comparison of Kafka's copy with the log found; false when another epoch has begun.
    pub(crate) async fn remember_check(&self, epoch: i64, up_to: u64, findings: usize, first: Option<String>) -> sqlx::Result<bool> {
        let kept = sqlx::query(
            "insert into journal.publication_check (up_to, findings, first_finding)
             select $2, $3, $4 from journal.publisher where epoch = $1
             on conflict (only_one) do update
             set (checked_at, up_to, findings, first_finding) = (excluded.checked_at, excluded.up_to, excluded.findings, excluded.first_finding)",
        )
        .bind(epoch)
        .bind(up_to.cast_signed())
        .bind(i32::try_from(findings).unwrap_or(i32::MAX))
        .bind(first)
        .execute(&self.pool)
        .await?;
        Ok(kept.rows_affected() > 0)
    }

    /// The newest signed statement about Kafka's copy.
    pub(crate) async fn statement(&self) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar("select note from journal.publication_statements order by number desc limit 1").fetch_optional(&self.pool).await
    }

    pub(crate) async fn remember_statement(&self, note: &str) -> sqlx::Result<()> {
        sqlx::query("insert into journal.publication_statements (note) values ($1)").bind(note).execute(&self.pool).await?;
        Ok(())
    }
}

fn interval(lease: Duration) -> sqlx::Result<PgInterval> {
    PgInterval::try_from(lease).map_err(sqlx::Error::Encode)
}

#[cfg(test)]
mod tests {
    use anamnesis_journal::Role;
    use anamnesis_journal::testing::TestDatabase;

    use super::*;

    /// Whoever compares Kafka's copy with the log would take what was published meanwhile for nothing that belongs there.
    #[tokio::test]
    async fn the_tails_are_always_those_of_the_position() {
        let database = TestDatabase::new().await;
        let (lease, partition) = (Duration::from_mins(1), TopicPartition::all().next().unwrap());
        let moving = Store::new(database.pool(Role::Writer));
        let epoch = moving.lead("test", lease).await.unwrap().unwrap();
        let moving = async {
            for position in 1..=1_000 {
                assert!(moving.move_to(epoch, lease, position, &BTreeMap::from([(partition, position)])).await.unwrap());
            }
        };
        let store = Store::new(database.pool(Role::Writer));
        let reading = async {
            loop {
                let Published { position, tails } = store.published().await.unwrap();
                assert_eq!(tails.get(&partition).copied().unwrap_or(0), position);
                if position == 1_000 {
                    break;
                }
            }
        };
        tokio::join!(moving, reading);
    }
}
