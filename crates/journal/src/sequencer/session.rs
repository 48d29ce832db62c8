//! What does the sequencer say to the database?

use std::future::Future;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::types::PgInterval;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::time::timeout;

use super::SequencerSettings;
use crate::log::LogHead;

/// One connection, and how long each statement on it may take.
pub(super) struct Session {
    connection: PgConnection,
    patience: Duration,
    name: String,
    lease: PgInterval,
    batch: i32,
}

/// What one statement did.
pub(super) struct Batch {
    pub(super) events: u64,
    pub(super) head: LogHead,
}

impl Session {
    /// A connection of its own: a busy pool mustn't keep the log from growing.
    pub(super) async fn open(pool: &PgPool, settings: &SequencerSettings) -> sqlx::Result<Self> {
        let options = (*pool.connect_options()).clone().application_name("anamnesis sequencer");
        let connection = within(settings.patience, PgConnection::connect_with(&options)).await?;
        let lease = settings.lease.min(Duration::from_mins(1));
        Ok(Self {
            connection,
            patience: settings.patience,
            name: settings.name.clone(),
            lease: PgInterval::try_from(lease).map_err(sqlx::Error::Encode)?,
            batch: i32::try_from(settings.batch).unwrap_or(i32::MAX),
        })
    }

    /// The new epoch, if nobody else leads.
    pub(super) async fn take_lease(&mut self) -> sqlx::Result<Option<i64>> {
        let query = sqlx::query_scalar("select journal.lead($1, $2)").bind(&self.name).bind(self.lease);
        within(self.patience, query.fetch_one(&mut self.connection)).await
    }

    /// Lets the next leader begin at once.
    pub(super) async fn release(&mut self, epoch: i64) -> sqlx::Result<()> {
        let query = sqlx::query("update journal.head set expires_at = '-infinity' where epoch = $1").bind(epoch);
        within(self.patience, query.execute(&mut self.connection)).await.map(|_| ())
    }

    /// Whether anything waits in the queue. Writes nothing, so it may be asked all the time.
    pub(super) async fn has_work(&mut self) -> sqlx::Result<bool> {
        let query = sqlx::query_scalar("select exists (select from journal.unsequenced)");
        within(self.patience, query.fetch_one(&mut self.connection)).await
    }

    /// Gives the next events their positions, or moves the log's time on; `None` when another epoch has begun.
    pub(super) async fn sequence(&mut self, epoch: i64) -> sqlx::Result<Option<Batch>> {
        let query = sqlx::query_as("select taken_events, head_position, head_logged_at from journal.sequence_batch($1, $2, $3)")
            .bind(epoch)
            .bind(self.batch)
            .bind(self.lease);
        let row: Option<(i64, i64, DateTime<Utc>)> = within(self.patience, query.fetch_optional(&mut self.connection)).await?;
        Ok(row.map(|(events, position, logged_at)| Batch {
            events: events.cast_unsigned(),
            head: LogHead { position: position.cast_unsigned(), logged_at: logged_at.into() },
        }))
    }
}

/// A server that doesn't answer is an error like any other. What it does all the same is fenced by the epoch.
async fn within<T>(patience: Duration, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(patience, answer).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
