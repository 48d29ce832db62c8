//! What is done outside because of an event, exactly what, and when again?
//!
//! A [`Reactor`] says upon which events it acts, and acts. One loop looks through the log and notes these events in the
//! outbox, in the transaction that moves the reactor's checkpoint; another does what is noted, again and again until it
//! succeeds. So an effect is had at least once, each time under the same identity, and a receiver can drop a second one
//! (docs/decisions/0015-reactors.md). Reactors follow the live log and nothing else: no rebuild runs them.

pub mod outbox;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::log::{Log, LogError, SealedEntry};
use anamnesis_journal::transaction;
use anamnesis_loops::{Loops, PATIENCE, Pulse};
use anamnesis_stream::FeedError;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::lane::{FIRST_RETRY_AFTER, described, pause};

const LABEL: &[u8] = b"anamnesis/effect/1";

/// Turns events into effects in the world outside.
#[async_trait]
pub trait Reactor: Send + Sync {
    /// What its checkpoint and its effects go by. Never changed: another name is another reactor, which begins at the log's end.
    fn name(&self) -> &'static str;

    /// Whether it acts upon this event. The same for the same event, whenever it is asked.
    fn wants(&self, entry: &SealedEntry) -> bool;

    /// Acts, at least once for each event. May be dropped when it takes too long.
    async fn act(&self, effect: &Effect) -> Result<(), EffectFailed>;
}

/// What is to be done.
#[derive(Debug)]
pub struct Effect {
    /// Its identity: the same in every attempt, and no other effect's.
    pub id: Uuid,
    /// The event.
    pub entry: SealedEntry,
}

/// Why an attempt failed, in words that anybody may read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EffectFailed(pub String);

impl Effect {
    fn new(reactor: &str, entry: SealedEntry) -> Self {
        // the event's id tells installations apart that have the same receiver
        let hash = Sha256::new().chain_update(LABEL).chain_update(entry.position.to_be_bytes()).chain_update(entry.event_id).chain_update(reactor);
        let half: [u8; 16] = *hash.finalize().first_chunk().expect("16 of 32 bytes");
        Self { id: Uuid::new_v8(half), entry }
    }
}

/// How reactors work; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct ReactorSettings {
    /// Events looked at in one transaction, at most.
    pub batch: u32,
    /// How long it waits for events before it looks whether it should stop, or whether another process has stopped.
    pub wait: Duration,
    /// How long one attempt may take. Nobody begins another one for twice as long, should the process be gone.
    pub patience: Duration,
    /// The pause after the first attempt that failed; each is twice as long as the one before, up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// After so many attempts in vain an effect waits for an operator.
    pub most_attempts: u32,
}

impl Default for ReactorSettings {
    /// An effect is given up after a day and a quarter.
    fn default() -> Self {
        Self {
            batch: 500,
            wait: Duration::from_secs(2),
            patience: Duration::from_secs(20),
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_hours(1),
            most_attempts: 36,
        }
    }
}

impl ReactorSettings {
    /// The pause after so many attempts in vain; `None` after the last.
    fn pause_after(&self, attempts: u32) -> Option<Duration> {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        (attempts < self.most_attempts).then(|| self.first_pause.saturating_mul(doubled).min(self.longest_pause))
    }
}

/// Runs reactors. Any number of processes may: each event is noted by one of them, each attempt made by one.
pub struct Reactors {
    pool: PgPool,
    log: Log,
    all: Vec<Arc<dyn Reactor>>,
    settings: ReactorSettings,
    loops: Loops,
}

impl fmt::Debug for Reactors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|reactor| reactor.name())).finish()
    }
}

impl Reactors {
    /// Reactors over a pool of the role `anamnesis_projector`.
    pub fn new(pool: PgPool, log: Log, reactors: Vec<Arc<dyn Reactor>>, settings: ReactorSettings) -> Self {
        Self { pool, log, all: reactors, settings, loops: Loops::default() }
    }

    /// All that goes on in them is one of these loops.
    #[must_use]
    pub fn with_loops(self, loops: Loops) -> Self {
        Self { loops, ..self }
    }

    /// Acts upon what is logged from now on, and what was noted before, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        for reactor in self.all {
            let (name, noted) = (reactor.name(), Arc::new(Notify::new()));
            let works = Works { pool: self.pool.clone(), log: self.log.clone(), reactor, settings: self.settings, noted };
            for (part, kind) in [(Part::Noting, "reactor"), (Part::Acting, "outbox")] {
                let (works, shutdown) = (works.clone(), shutdown.clone());
                self.loops.spawn_on(&mut tasks, format!("{kind} of {name}"), PATIENCE, |pulse| works.go_on(part, shutdown, pulse));
            }
        }
        tasks.join_all().await;
    }
}

/// What the two loops of a reactor have.
#[derive(Clone)]
struct Works {
    pool: PgPool,
    log: Log,
    reactor: Arc<dyn Reactor>,
    settings: ReactorSettings,
    /// There is something to do.
    noted: Arc<Notify>,
}

/// What each of the two does.
#[derive(Clone, Copy)]
enum Part {
    Noting,
    Acting,
}

/// What looking through the log has come to.
enum Looked {
    /// There may be more.
    On,
    /// There is nothing after this position.
    AtTheEnd(u64),
    /// Another process is looking.
    Taken,
}

impl Works {
    async fn go_on(self, part: Part, shutdown: CancellationToken, pulse: Pulse) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() {
            pulse.beat();
            let step = match part {
                Part::Noting => self.note_or_wait(&shutdown).await,
                Part::Acting => self.act_or_wait(&shutdown).await,
            };
            match step {
                Ok(()) => retry_after = FIRST_RETRY_AFTER,
                Err(problem) => {
                    let name = self.reactor.name();
                    warn!(reactor = name, error = %described(&problem), "the reactor waits: trying again in {} ms", retry_after.as_millis());
                    pause(&mut retry_after, &shutdown).await;
                }
            }
        }
        pulse.ends();
    }

    async fn note_or_wait(&self, shutdown: &CancellationToken) -> Result<(), ProjectorError> {
        let wait = self.settings.wait;
        match self.note().await? {
            Looked::On => {}
            Looked::AtTheEnd(position) => drop(shutdown.run_until_cancelled(self.log.wait_for(position + 1, wait)).await),
            Looked::Taken => drop(shutdown.run_until_cancelled(sleep(wait)).await),
        }
        Ok(())
    }

    /// Looks at the next events, and notes those that are acted upon.
    async fn note(&self) -> Result<Looked, ProjectorError> {
        let name = self.reactor.name();
        let mut tx = transaction::begin(&self.pool).await?;
        let Some(position) = outbox::lock_checkpoint(&mut tx, name).await? else {
            drop(tx);
            let head = self.log.head().await.map_err(FeedError::from)?.position;
            // it is there, and another process has it
            let is_new = outbox::begin_at(&self.pool, name, head).await?;
            return Ok(if is_new { Looked::On } else { Looked::Taken });
        };
        let entries = self.log.read_after(position, self.settings.batch).await.map_err(FeedError::from)?;
        let Some(last) = entries.last() else { return Ok(Looked::AtTheEnd(position)) };
        let wanted: Vec<u64> = entries.iter().filter(|entry| self.reactor.wants(entry)).map(|entry| entry.position).collect();
        outbox::note(&mut tx, name, &wanted, last.position).await?;
        tx.commit().await?;
        if !wanted.is_empty() {
            self.noted.notify_one();
        }
        Ok(Looked::On)
    }

    async fn act_or_wait(&self, shutdown: &CancellationToken) -> Result<(), ProjectorError> {
        if !self.act().await? {
            // what another process has noted, or what was put off, it finds by looking
            let _ = shutdown.run_until_cancelled(timeout(self.settings.wait, self.noted.notified())).await;
        }
        Ok(())
    }

    /// Makes an attempt at what has been due for longest; false if nothing is.
    async fn act(&self) -> Result<bool, ProjectorError> {
        let (name, settings) = (self.reactor.name(), self.settings);
        let Some(due) = outbox::take(&self.pool, name, 2 * settings.patience).await? else { return Ok(false) };
        match self.attempt(due.position).await? {
            Ok(()) => {
                outbox::done(&self.pool, name, due.position).await?;
                info!(reactor = name, position = due.position, attempt = due.attempts, "done");
            }
            Err(failed) => {
                let pause = settings.pause_after(due.attempts);
                outbox::failed(&self.pool, name, due.position, &failed, pause).await?;
                if pause.is_some() {
                    warn!(reactor = name, position = due.position, attempt = due.attempts, "it will be tried again: {failed}");
                } else {
                    error!(reactor = name, position = due.position, "given up after {} attempts: {failed}", due.attempts);
                }
            }
        }
        Ok(true)
    }

    async fn attempt(&self, position: u64) -> Result<Result<(), EffectFailed>, ProjectorError> {
        let entry = match self.log.at(&[position]).await {
            Ok(mut entries) => entries.pop(),
            Err(LogError::Database(error)) => return Err(error.into()),
            // somebody has altered it: that is no reason for the others to wait
            Err(_) => None,
        };
        let Some(entry) = entry else { return Ok(Err(EffectFailed("the event isn't what the log says: see `anamnesis verify`".to_owned()))) };
        let (effect, patience) = (Effect::new(self.reactor.name(), entry), self.settings.patience);
        let late = |_| Err(EffectFailed(format!("it took longer than {} s", patience.as_secs())));
        Ok(timeout(patience, self.reactor.act(&effect)).await.unwrap_or_else(late))
    }
}
