//! How does the tree keep up with the log, and who signs it?
//!
//! The tree is the log's first consumer and a pure function of it. Its full tiles are stored together with the size up
//! to which they are; its edge is recomputed. So a crash costs nothing, and two followers at once only do the same work
//! twice. A head is signed when there are new entries: at a bounded rate, and at once when somebody asks.

mod leaves;
mod stored;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_loops::Pulse;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use leaves::leaves_after;
pub(crate) use leaves::{LogRow, log_rows_after};
pub use stored::{StoredTree, TreeError};

use crate::log::{self, Log};
use crate::tree::{SignedCheckpoint, Signer, SignerError, Tree};

/// Entries read at once: with 256 a tile, a few dozen tiles a statement.
const LEAVES_AT_ONCE: u32 = 8_192;
/// Retries after an error start with this pause and double it up to `LAST_RETRY_AFTER`.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const LAST_RETRY_AFTER: Duration = Duration::from_secs(10);
/// How often it looks at a log that doesn't grow, to know that it still can.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How the follower works; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct FollowerSettings {
    /// A head is signed so often at most, unless somebody asks for one.
    pub sign_every: Duration,
}

impl Default for FollowerSettings {
    fn default() -> Self {
        Self { sign_every: Duration::from_secs(1) }
    }
}

/// Keeps the tree, its stored tiles and its signed heads up with the log.
#[derive(Debug)]
pub struct Follower {
    log: Log,
    tree: StoredTree,
    signer: Option<Arc<Signer>>,
    settings: FollowerSettings,
    /// The highest position for which somebody waits.
    wanted: watch::Sender<u64>,
    health: watch::Sender<FollowerHealth>,
    pulse: Pulse,
}

/// The way to a running follower. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FollowerHandle {
    wanted: watch::Sender<u64>,
    health: watch::Receiver<FollowerHealth>,
}

/// How a follower is.
#[derive(Clone, Debug, Default)]
pub struct FollowerHealth {
    /// Entries in the tree.
    pub size: u64,
    /// The head signed last.
    pub signed: Option<SignedCheckpoint>,
    /// When it last worked; `None` before the first time.
    pub last_success: Option<std::time::Instant>,
    /// Failed attempts since then.
    pub failures: u32,
    /// What is wrong, if anything is: a database that was rolled back or rewritten is told here.
    pub problem: Option<String>,
}

/// Why the tree doesn't follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The tree can't be read or written, or isn't the log's.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The signer refuses: the log isn't the one it signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl From<sqlx::Error> for FollowerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Tree(error.into())
    }
}

impl FollowerHandle {
    pub(crate) fn new(wanted: watch::Sender<u64>, health: watch::Receiver<FollowerHealth>) -> Self {
        Self { wanted, health }
    }

    /// A signed head that has the entry at `position`: the last one if it has, otherwise one that is signed as soon as
    /// it can be. `None` when there is none within that time.
    pub async fn signed(&self, position: u64, within: Duration) -> Option<SignedCheckpoint> {
        self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, position.max(*wanted)) < position);
        let mut health = self.health.clone();
        let reached = timeout(within, health.wait_for(|health| health.signed_size() >= position)).await;
        reached.ok()?.ok()?.signed.clone()
    }

    /// How it is.
    pub fn health(&self) -> FollowerHealth {
        self.health.borrow().clone()
    }
}

impl Follower {
    /// A follower of this log. Without a signer it only keeps the tiles.
    pub fn new(pool: PgPool, log: Log, signer: Option<Arc<Signer>>, settings: FollowerSettings) -> Self {
        let (wanted, health) = (watch::Sender::default(), watch::Sender::default());
        Self { log, tree: StoredTree::new(pool), signer, settings, wanted, health, pulse: Pulse::default() }
    }

    /// It beats this pulse as it goes on.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// The way to this follower while it runs.
    pub fn handle(&self) -> FollowerHandle {
        FollowerHandle::new(self.wanted.clone(), self.health.subscribe())
    }

    /// Follows the log until `shutdown`. An error only makes it try again later; while there is one, nothing is signed.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while let Err(error) = self.follow(&shutdown).await {
            if self.health.borrow().failures == 0 {
                retry_after = FIRST_RETRY_AFTER;
            }
            warn!(%error, "the tree doesn't follow the log: trying again in {} ms", retry_after.as_millis());
            self.health.send_modify(|health| health.failed(&error));
            self.pulse.beat();
            tokio::select! {
                () = sleep(retry_after) => {}
                () = shutdown.cancelled() => return,
            }
            retry_after = (retry_after * 2).min(LAST_RETRY_AFTER);
        }
    }

    async fn follow(&self, shutdown: &CancellationToken) -> Result<(), FollowerError> {
        let mut tree = self.resume().await?;
        let mut wanted = self.wanted.subscribe();
        let mut next_signature = Instant::now();
        while !shutdown.is_cancelled() {
            self.pulse.beat();
            if self.grow(&mut tree).await? == LEAVES_AT_ONCE as usize {
                continue;
            }
            let asked = self.is_unsigned(*wanted.borrow_and_update()) && tree.size() >= *wanted.borrow();
            if asked || (self.is_unsigned(tree.size()) && Instant::now() >= next_signature) {
                self.sign(&tree).await?;
                next_signature = Instant::now() + self.settings.sign_every;
            }
            self.health.send_modify(|health| health.succeeded(tree.size()));
            let signature_is_due = async { if self.is_unsigned(tree.size()) { sleep_until(next_signature).await } else { pending().await } };
            tokio::select! {
                _ = self.log.wait_for(tree.size() + 1, LOOK_EVERY) => {}
                _ = wanted.changed() => {}
                () = signature_is_due => {}
                () = shutdown.cancelled() => {}
            }
        }
        Ok(())
    }

    /// The tree as far as its tiles are stored and signed; what was stored after the last signature is computed anew,
    /// and compared.
    async fn resume(&self) -> Result<Tree, FollowerError> {
        let stored = self.tree.stored_size().await?;
        let trusted = match &self.signer {
            Some(signer) => stored.min(last(signer).await?.head().size),
            None => stored,
        };
        Ok(self.tree.restore_full_tiles(trusted).await?)
    }

    async fn grow(&self, tree: &mut Tree) -> Result<usize, FollowerError> {
        let leaves = leaves_after(self.tree.pool(), tree.size(), LEAVES_AT_ONCE).await?;
        let read = leaves.len();
        tree.extend(leaves);
        let full = tree.take_full_tiles();
        if !full.is_empty() {
            self.tree.store(&full, tree.size()).await?;
        }
        Ok(read)
    }

    fn is_unsigned(&self, size: u64) -> bool {
        self.signer.is_some() && self.health.borrow().signed_size() < size
    }

    async fn sign(&self, tree: &Tree) -> Result<(), FollowerError> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let last = last(signer).await?;
        let (remembered, offered) = (last.head().size, tree.size());
        if remembered > offered {
            let head = log::head(self.tree.pool()).await?;
            // another follower that shares the signer may be ahead of this one, but not of the log
            return if remembered > head.position { Err(SignerError::RolledBack { remembered, offered }.into()) } else { Ok(()) };
        }
        let proof = self.tree.consistency_with(remembered, tree).await?;
        let (signer, head) = (Arc::clone(signer), tree.head());
        let new = blocking(move || signer.sign(head, &proof)).await?;
        // the one before may be missing: a crash came between its signature and its row
        self.tree.store_head(&last).await?;
        self.tree.store_head(&new).await?;
        self.health.send_modify(|health| health.signed = Some(new));
        Ok(())
    }
}

impl FollowerHealth {
    pub(crate) fn signed_size(&self) -> u64 {
        self.signed.as_ref().map_or(0, |signed| signed.head().size)
    }

    fn succeeded(&mut self, size: u64) {
        self.size = size;
        self.last_success = Some(std::time::Instant::now());
        self.failures = 0;
        self.problem = None;
    }

    fn failed(&mut self, error: &FollowerError) {
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(error.to_string());
    }
}

async fn last(signer: &Arc<Signer>) -> Result<SignedCheckpoint, SignerError> {
    let signer = Arc::clone(signer);
    blocking(move || signer.last()).await
}

/// The signer touches the disk and may wait for another one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, SignerError> + Send + 'static) -> Result<T, SignerError> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
