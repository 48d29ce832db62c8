//! Who gives events their positions?
//!
//! One leader at a time, of any number of processes that try. It holds a lease in the database; each batch is one
//! statement that checks the lease's epoch, so a leader that was stopped and comes back changes nothing. The SQL and
//! the reasons for it: `migrations/0004_sequence.sql`.

mod health;
mod session;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use anamnesis_loops::Pulse;
use sqlx::PgPool;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use health::{SequencerHealth, SequencerState};
use session::Session;

/// How the sequencer works; the default is right for most.
#[derive(Clone, Debug)]
pub struct SequencerSettings {
    /// Who this is, for people who look at `journal.head`.
    pub name: String,
    /// For how long a leader that has died is waited for. At most a minute.
    pub lease: Duration,
    /// Events in one batch. A command's events stay together: without them, or with more than that.
    pub batch: u32,
    /// The shortest pause between looks into the queue; while it stays empty, the pause grows.
    pub pause_at_least: Duration,
    /// The longest pause between looks into the queue.
    pub pause_at_most: Duration,
    /// How often the log's time moves on while nothing happens. Less than the lease.
    pub tick: Duration,
    /// How long one statement may take before the connection is given up.
    pub patience: Duration,
}

impl Default for SequencerSettings {
    fn default() -> Self {
        Self {
            name: format!("process {}", std::process::id()),
            lease: Duration::from_secs(3),
            batch: 10_000,
            pause_at_least: Duration::from_millis(2),
            pause_at_most: Duration::from_millis(20),
            tick: Duration::from_millis(500),
            patience: Duration::from_secs(30),
        }
    }
}

/// Retries after an error start with this pause and double it up to the lease's length.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(50);

/// Gives committed events their positions, as long as it leads.
#[derive(Debug)]
pub struct Sequencer {
    pool: PgPool,
    settings: SequencerSettings,
    wake: Arc<Notify>,
    health: watch::Sender<SequencerHealth>,
    pulse: Pulse,
}

/// The way to a running sequencer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SequencerHandle {
    wake: Arc<Notify>,
    health: watch::Receiver<SequencerHealth>,
}

impl SequencerHandle {
    pub(crate) fn new(wake: Arc<Notify>, health: watch::Receiver<SequencerHealth>) -> Self {
        Self { wake, health }
    }

    /// Says that something was appended. Without it the sequencer only notices a few milliseconds later.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// How it is.
    pub fn health(&self) -> SequencerHealth {
        self.health.borrow().clone()
    }
}

impl Sequencer {
    /// A sequencer over the database that `pool` leads to. It takes two connections of its own, not from the pool.
    pub fn new(pool: PgPool, settings: SequencerSettings) -> Self {
        Self { pool, settings, wake: Arc::default(), health: watch::Sender::default(), pulse: Pulse::default() }
    }

    /// It beats this pulse as it goes on, whether it leads or not.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// The way to this sequencer while it runs.
    pub fn handle(&self) -> SequencerHandle {
        SequencerHandle::new(Arc::clone(&self.wake), self.health.subscribe())
    }

    /// Leads whenever it can, until `shutdown`. An error only makes it try again later.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::join!(self.sequence(&shutdown), sweep::run(&self.pool, self.health.subscribe(), &shutdown));
    }

    async fn sequence(&self, shutdown: &CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        let mut epoch = None;
        while let Err(error) = self.work(&mut epoch, shutdown).await {
            if self.health.borrow().failures == 0 {
                retry_after = FIRST_RETRY_AFTER;
            }
            self.health.send_modify(SequencerHealth::failed);
            warn!(%error, "the log doesn't grow: trying again in {} ms", retry_after.as_millis());
            self.pause(retry_after, shutdown).await;
            retry_after = (retry_after * 2).min(self.settings.lease);
        }
    }

    /// Works on one connection until that fails or `shutdown` comes. The lease outlives the connection.
    async fn work(&self, epoch: &mut Option<i64>, shutdown: &CancellationToken) -> sqlx::Result<()> {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let mut session = Session::open(&self.pool, &self.settings).await?;
        while !shutdown.is_cancelled() {
            match *epoch {
                Some(leading) => *epoch = self.lead(&mut session, leading, shutdown).await?,
                None => *epoch = self.stand_by(&mut session, shutdown).await?,
            }
        }
        match *epoch {
            Some(epoch) => session.release(epoch).await,
            None => Ok(()),
        }
    }

    async fn stand_by(&self, session: &mut Session, shutdown: &CancellationToken) -> sqlx::Result<Option<i64>> {
        let epoch = session.take_lease().await?;
        self.health.send_modify(SequencerHealth::stood_by);
        match epoch {
            Some(epoch) => info!(epoch, "this process leads the log in epoch {epoch}"),
            None => self.pause(self.settings.lease / 4, shutdown).await,
        }
        Ok(epoch)
    }

    /// Sequences until `shutdown`, or until another one leads; the epoch in which this one still does.
    async fn lead(&self, session: &mut Session, epoch: i64, shutdown: &CancellationToken) -> sqlx::Result<Option<i64>> {
        let mut next_tick = Instant::now();
        let mut pause = self.settings.pause_at_least;
        while !shutdown.is_cancelled() {
            let begun = Instant::now();
            self.pulse.beat();
            if begun >= next_tick || session.has_work().await? {
                let Some(batch) = session.sequence(epoch).await? else {
                    warn!(epoch, "another process leads the log: epoch {epoch} is over");
                    return Ok(None);
                };
                next_tick = Instant::now() + self.settings.tick;
                self.health.send_modify(|health| health.led(epoch, batch.head));
                // a full one leaves out the commands that it would split
                if batch.events * 2 > u64::from(self.settings.batch) {
                    continue;
                }
                if batch.events > 0 {
                    pause = self.settings.pause_at_least;
                }
            }
            // rows that are gone but can't be vacuumed yet make looking slow: it mustn't become all that is done
            self.pause(pause.max(begun.elapsed()), shutdown).await;
            pause = (pause * 2).min(self.settings.pause_at_most);
        }
        Ok(Some(epoch))
    }

    async fn pause(&self, duration: Duration, shutdown: &CancellationToken) {
        self.pulse.beat();
        tokio::select! {
            () = sleep(duration) => {}
            () = self.wake.notified() => {}
            () = shutdown.cancelled() => {}
        }
    }
}
