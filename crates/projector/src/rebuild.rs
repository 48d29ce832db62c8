//! How is a read model computed anew, while the live one is read and written?
//!
//! Beside the live tables, in a schema of its own: first all streams of the log one after another, each folded whole and
//! written with COPY ([`Filling`](crate::filling::Filling)). Then indexes and policies; then what was logged meanwhile, as the live projector
//! would; what can't be taken parks its stream again. Both copies are compared at the same position by their digests. At last, with the live checkpoint locked so
//! that nobody writes, the new tables take the place of the old ones in one transaction; a running projector goes on with
//! them without noticing. The old ones are kept: [`Rebuild::go_back`] brings them up to date and swaps again.

mod fresh;

use std::time::{Duration, Instant};

use anamnesis_cache::Cache;
use anamnesis_journal::log::Log;
use anamnesis_projections::kernel::Projection;
use anamnesis_stream::FeedError;
use anamnesis_vault::Vault;
use futures::{FutureExt as _, TryFutureExt as _};
use sqlx::{PgConnection, PgPool};
use tracing::info;

use crate::checkpoint::{self, Frontier};
use crate::error::ProjectorError;
use crate::rebuild::fresh::Fresh;
use crate::versions::Live;
use crate::{patience, schema, versions};

/// Entries in a page of the usual size.
const PAGE: u32 = 1_000;
/// As long as a minute.
const SWAP_ATTEMPTS: u32 = 60;
/// Keys in memory: those of the pages under way, so that a row finds the key that its events were opened with.
const KEYS: u64 = 4_000;

/// Builds a projection anew.
#[derive(Clone)]
pub struct Rebuild {
    /// A pool that may create schemas and tables.
    pub owner: PgPool,
    /// A pool of the role `anamnesis_projector`.
    pub projector: PgPool,
    /// The keys.
    pub vault: Vault,
    /// The log.
    pub log: Log,
    /// Entries in a page at most. Several are in memory at once: one is read while another is opened, folded, written.
    pub page: u32,
    /// How often new tables try to take over, about once a second, while others read the old ones.
    pub swap_attempts: u32,
    /// Where what was computed from the old tables may stand.
    pub cache: Option<Cache>,
}

/// What a rebuild did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// The position that the new tables reflect: where they took over, or where it stopped.
    pub position: u64,
    /// Events folded.
    pub events: u64,
    /// The digest that both copies had, or that of a rebuild that stopped; none when there was nothing to compare with.
    pub digest: Option<String>,
    /// Streams that weren't compared: what is parked of the one copy isn't of the other.
    pub not_compared: usize,
    /// Streams that are parked now.
    pub parked: usize,
    /// How long it took.
    pub took: Duration,
}

impl Rebuild {
    /// With pages of the usual size, and no cache.
    pub fn new(owner: PgPool, projector: PgPool, vault: Vault, log: Log) -> Self {
        Self { owner, projector, vault, log, page: PAGE, swap_attempts: SWAP_ATTEMPTS, cache: None }
    }

    /// Builds a projection anew and puts it in the live one's place, if both say the same. `told` hears how many events
    /// of how many are folded.
    ///
    /// Live tables of another definition aren't compared. When the copies differ ([`ProjectorError::Differs`]) the live
    /// tables stay as they are: [`Rebuild::replace`] doesn't ask.
    pub async fn run(&self, projection: &'static Projection, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let alone = self.alone(projection).await?;
        let built = alone.build(true, told).await;
        alone.end(built).await
    }

    /// As [`Rebuild::run`], whatever the live tables say: they may be damaged.
    pub async fn replace(&self, projection: &'static Projection, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let alone = self.alone(projection).await?;
        let built = alone.build(false, told).await;
        alone.end(built).await
    }

    /// Builds a projection as it is at a position of the log, says what the digest of that is, and leaves nothing behind.
    pub async fn stop_at(&self, projection: &'static Projection, position: u64, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let alone = self.alone(projection).await?;
        let built = alone.stop_at(position, told).await;
        alone.end(built).await
    }

    /// Puts the tables that were read before in the place of the live ones, once they have caught up. These are kept in turn.
    pub async fn go_back(&self, projection: &'static Projection) -> Result<Rebuilt, ProjectorError> {
        let alone = self.alone(projection).await?;
        let restored = alone.restore().await;
        alone.end(restored).await
    }

    /// Builds the live tables anew if they are of an older definition than this program's. `None`: they aren't.
    pub async fn deploy(&self, projection: &'static Projection, told: impl Fn(u64, u64) + Send) -> Result<Option<Rebuilt>, ProjectorError> {
        let alone = self.alone(projection).await?;
        let deployed = alone.deploy(told).await;
        alone.end(deployed).await
    }

    /// Whether tables are kept to go back to.
    pub async fn keeps_earlier(&self, projection: &Projection) -> Result<bool, ProjectorError> {
        Ok(versions::is_kept(&mut *self.owner.acquire().await?, projection).await?)
    }

    /// Drops the tables that are kept to go back to; whether there were any.
    pub async fn drop_kept(&self, projection: &'static Projection) -> Result<bool, ProjectorError> {
        let alone = self.alone(projection).await?;
        let dropped = alone.drop_kept().await;
        alone.end(dropped).await
    }

    /// One at a time works on a projection's tables.
    async fn alone(&self, projection: &'static Projection) -> Result<Alone, ProjectorError> {
        let lock = versions::lock(&self.owner, projection).await?.ok_or(ProjectorError::Rebuilding { projection: projection.name })?;
        let rebuild = Self { vault: self.vault.apart(KEYS), ..self.clone() };
        Ok(Alone { rebuild, projection, began: Instant::now(), lock })
    }
}

/// Nobody else works on the projection's tables, but who folds into the live ones.
struct Alone {
    rebuild: Rebuild,
    projection: &'static Projection,
    began: Instant,
    lock: PgConnection,
}

impl Alone {
    async fn end<T>(self, done: Result<T, ProjectorError>) -> Result<T, ProjectorError> {
        versions::unlock(self.lock).await;
        done
    }

    async fn build(&self, compare: bool, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let live = self.live_frontier().await?;
        let head = self.head().await?;
        let from = live.as_ref().map_or(head, |live| live.base.min(head));
        let mut fresh = Fresh::begin(self.rebuild.clone(), self.projection).await?;
        let built = async {
            fresh.fill(from, told).await?;
            let digest = if compare && live.is_some() { Some(fresh.compare().await?) } else { None };
            fresh.swap().await.map(|()| digest)
        };
        let built = built.await;
        let rebuilt = self.finished(fresh, built).await?;
        let Rebuilt { position, events, took, .. } = &rebuilt;
        let name = self.projection.name;
        info!(projection = name, position, events, took_ms = took.as_millis(), "projection `{name}` was rebuilt");
        Ok(rebuilt)
    }

    async fn stop_at(&self, position: u64, told: impl Fn(u64, u64) + Send) -> Result<Rebuilt, ProjectorError> {
        let head = self.head().await?;
        if position > head {
            return Err(ProjectorError::NotYet { position, head });
        }
        let mut fresh = Fresh::begin(self.rebuild.clone(), self.projection).await?;
        let filled = async {
            fresh.fill(position, told).await?;
            fresh.digest().await.map(Some)
        };
        let stopped = filled.await.map(|digest| self.rebuilt(&fresh, digest));
        fresh.discard().await?;
        stopped
    }

    async fn restore(&self) -> Result<Rebuilt, ProjectorError> {
        let mut fresh = Fresh::take_kept(self.rebuild.clone(), self.projection).await?;
        let swapped = fresh.swap().await;
        if matches!(swapped, Err(ProjectorError::StillRead { .. })) {
            // if that fails they are discarded, as whatever else is left half-way
            let _ = fresh.give_back().await;
        }
        let rebuilt = self.finished(fresh, swapped.map(|()| None)).await?;
        let (name, position) = (self.projection.name, rebuilt.position);
        info!(projection = name, position, "projection `{name}` has gone back to the tables that were kept");
        Ok(rebuilt)
    }

    async fn deploy(&self, told: impl Fn(u64, u64) + Send) -> Result<Option<Rebuilt>, ProjectorError> {
        match schema::whose(&self.rebuild.owner, self.projection).await? {
            Live::Ours | Live::Anothers => Ok(None),
            Live::Olders | Live::Nobodys => self.build(false, told).await.map(Some),
        }
    }

    async fn drop_kept(&self) -> Result<bool, ProjectorError> {
        let (projection, Rebuild { owner, swap_attempts, .. }) = (self.projection, &self.rebuild);
        patience::change(owner, projection, *swap_attempts, |tx| versions::drop_kept(tx, projection).err_into().boxed()).await
    }

    /// What failed leaves nothing behind; if that fails too, whoever begins next sees to it.
    async fn finished(&self, fresh: Fresh, done: Result<Option<String>, ProjectorError>) -> Result<Rebuilt, ProjectorError> {
        match done {
            Ok(digest) => Ok(self.rebuilt(&fresh, digest)),
            Err(error) => {
                let _ = fresh.discard().await;
                Err(error)
            }
        }
    }

    fn rebuilt(&self, fresh: &Fresh, digest: Option<String>) -> Rebuilt {
        let Fresh { folded, events, parking, not_compared, .. } = fresh;
        Rebuilt { position: folded.base, events: *events, digest, not_compared: *not_compared, parked: parking.count(), took: self.began.elapsed() }
    }

    async fn head(&self) -> Result<u64, ProjectorError> {
        Ok(self.rebuild.log.head().await.map_err(FeedError::from)?.position)
    }

    /// Where the live tables are, if there are any of this definition with anything in them.
    async fn live_frontier(&self) -> Result<Option<Frontier>, ProjectorError> {
        if !schema::is_fit(&self.rebuild.owner, self.projection).await? {
            return Ok(None);
        }
        let mut connection = self.rebuild.owner.acquire().await?;
        Ok(checkpoint::frontier(&mut connection, self.projection.name, "").await?.filter(|live| live.end() > 0))
    }
}
