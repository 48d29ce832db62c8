//! How does the log reach Kafka, each event once and in order?
//!
//! One publisher at a time, of any number of processes that try: it holds a lease in the database, and Kafka's
//! transactions fence whatever an earlier one still sends. It never decrypts. Where it goes on is told by Kafka itself:
//! the last record of each partition names its position. The database's watermark saves the looking, and tells how far
//! things had come in a partition whose records Kafka has forgotten.

mod health;
mod producer;
mod reconciler;
mod session;
mod tails;

use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::follower::TreeError;
use anamnesis_journal::log::{Log, LogError};
use anamnesis_journal::tree::Signer;
use anamnesis_loops::{Loops, Pulse};
use rdkafka::error::KafkaError;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use health::{Comparison, PublisherHandle, PublisherHealth, PublisherState};
use reconciler::Reconciler;
use session::Session;

use crate::record::RecordError;
use crate::registry::RegistryError;
use crate::settings::KafkaSettings;
use crate::store::Store;
use crate::topics::TopicPartition;

/// Retries after an error start with this pause and double it up to `LAST_RETRY_AFTER`.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const LAST_RETRY_AFTER: Duration = Duration::from_secs(5);

/// How the publisher works; the default is right for most.
#[derive(Clone, Debug)]
pub struct PublisherSettings {
    /// Who this is, for people who look at `journal.publisher`.
    pub name: String,
    /// For how long a publisher that has died is waited for. At most a minute.
    pub lease: Duration,
    /// Events read and made into records at a time.
    pub batch: u32,
    /// Sealed bytes read at a time; one event alone may be larger.
    pub batch_bytes: usize,
    /// Batches in one transaction at most. It ends as soon as everything that was there has arrived.
    pub batches: usize,
    /// How often it looks for new tree heads, and at a log that doesn't grow.
    pub tick: Duration,
    /// How often it asks whether the registry still knows what it was told.
    pub check_registry_every: Duration,
}

impl Default for PublisherSettings {
    fn default() -> Self {
        Self {
            name: format!("process {}", std::process::id()),
            lease: Duration::from_secs(5),
            batch: 2_000,
            batch_bytes: 4 * 1024 * 1024,
            batches: 20,
            tick: Duration::from_secs(1),
            check_registry_every: Duration::from_secs(30),
        }
    }
}

/// Why the log isn't published. The publisher tries again, whatever it is.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Kafka doesn't answer, or refuses; also when another publisher has begun.
    #[error("Kafka doesn't answer, or refuses")]
    Kafka(#[from] KafkaError),
    /// Postgres doesn't answer, or refuses.
    #[error("the state of the publication can't be read or written")]
    Database(#[from] sqlx::Error),
    /// The log can't be read, or has a gap.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tree heads can't be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The schemas aren't registered as they must be.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Another publisher leads.
    #[error("another process publishes: epoch {0} is over")]
    Deposed(i64),
    /// An event can't be made a record.
    #[error("the event at position {position} can't be published")]
    Event {
        /// Where in the log.
        position: u64,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// The last record of a partition can't be read.
    #[error("the last record of {partition} isn't ours")]
    Foreign {
        /// The partition.
        partition: TopicPartition,
        /// What is wrong with it.
        #[source]
        source: RecordError,
    },
    /// The last record of a partition isn't what the log has at its position.
    #[error(
        "the last record of {partition} says position {position}, where the log has another event, or none: Kafka was written by somebody \
         else, or the database was rolled back. Nothing is published until one of them is put right (`verify --kafka` tells more)"
    )]
    OtherLog {
        /// The partition.
        partition: TopicPartition,
        /// What its last record says.
        position: u64,
    },
}

/// Copies the log to Kafka, as long as it leads.
#[derive(Debug)]
pub struct Publisher {
    pool: PgPool,
    store: Store,
    log: Log,
    signer: Option<Arc<Signer>>,
    kafka: KafkaSettings,
    settings: PublisherSettings,
    health: watch::Sender<PublisherHealth>,
    loops: Loops,
    pulse: Pulse,
}

impl Publisher {
    /// A publisher of this log; `pool` is the writer's.
    pub fn new(pool: PgPool, log: Log, kafka: KafkaSettings, settings: PublisherSettings) -> Self {
        let settings = PublisherSettings { lease: settings.lease.min(Duration::from_mins(1)), ..settings };
        let (health, loops, pulse) = (watch::Sender::default(), Loops::default(), Pulse::default());
        Self { store: Store::new(pool.clone()), pool, log, signer: None, kafka, settings, health, loops, pulse }
    }

    /// It beats this pulse as it goes on, whether it leads or not; what goes on beside it is one of these loops.
    #[must_use]
    pub fn with_pulse(self, loops: Loops, pulse: Pulse) -> Self {
        Self { loops, pulse, ..self }
    }

    /// With the log's signer it also compares Kafka's copy with the log while it leads, every `kafka.verify_every_ms`,
    /// and signs what is proved.
    #[must_use]
    pub fn with_signer(self, signer: Arc<Signer>) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// The way to this publisher while it runs.
    pub fn handle(&self) -> PublisherHandle {
        PublisherHandle::new(self.health.subscribe())
    }

    /// Publishes whenever it can, until `shutdown`. An error only makes it try again later.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() {
            self.pulse.beat();
            let pause = match self.work(&shutdown).await {
                Ok(()) => self.settings.lease / 4,
                Err(error) => {
                    if self.health.borrow().failures == 0 {
                        retry_after = FIRST_RETRY_AFTER;
                    }
                    self.health.send_modify(|health| health.failed(&error));
                    warn!(error = &error as &dyn std::error::Error, "the log isn't published: trying again in {} ms", retry_after.as_millis());
                    let pause = retry_after;
                    retry_after = (retry_after * 2).min(LAST_RETRY_AFTER);
                    pause
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Leads if nobody else does, until that fails or `shutdown` comes.
    async fn work(&self, shutdown: &CancellationToken) -> Result<(), PublishError> {
        let Some(epoch) = self.store.lead(&self.settings.name, self.settings.lease).await? else {
            self.health.send_modify(PublisherHealth::stood_by);
            return Ok(());
        };
        info!(epoch, "this process publishes the log in epoch {epoch}");
        let led = tokio::select! {
            led = self.lead(epoch, shutdown) => led,
            lost = self.keep_lease(epoch) => Err(lost),
        };
        // another may begin at once; if this can't be said, it waits for the lease to end
        let released = self.store.release(epoch).await;
        led.and(released.map_err(PublishError::from))
    }

    async fn lead(&self, epoch: i64, shutdown: &CancellationToken) -> Result<(), PublishError> {
        let session = tokio::select! {
            session = Session::open(epoch, self) => session?,
            () = shutdown.cancelled() => return Ok(()),
        };
        // beside the publishing, and no longer than it
        let _reconciling = Reconciler::of(epoch, self).map(Reconciler::start);
        session.copy(shutdown).await
    }

    /// Ends when the lease is another's.
    async fn keep_lease(&self, epoch: i64) -> PublishError {
        loop {
            sleep(self.settings.lease / 3).await;
            match self.store.keep_lease(epoch, self.settings.lease).await {
                Ok(true) => {}
                Ok(false) => return PublishError::Deposed(epoch),
                Err(error) => return error.into(),
            }
        }
    }
}
