//! What is asked of a cache, and what does it answer?

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_vault::Vault;
use secrecy::SecretString;

use crate::entry;
use crate::lane::LaneState;
use crate::store::{Counted, Fill, Memory, Redis, Store};
use crate::{Entry, Key, Lane};

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://…` or, with TLS, `rediss://…`, with user and password if it asks for them.
    pub url: SecretString,
    /// The certificate (PEM) of the authority that signed Redis's own, if it isn't one that the system trusts.
    pub tls_ca: Option<PathBuf>,
    /// What every key begins with: for installations that share a Redis.
    pub prefix: String,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Connections at most; each carries any number of requests at once, so one for each core is used.
    pub max_connections: usize,
}

impl RedisSettings {
    /// As specified: 2,000 ms and 20 connections.
    pub fn new(url: SecretString) -> Self {
        Self { url, tls_ca: None, prefix: String::new(), timeout: Duration::from_secs(2), max_connections: 20 }
    }
}

/// Why there can't be such a cache. A Redis that doesn't answer is no error.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// What is in it isn't told: there is a password in it.
    #[error("the URL of Redis isn't one: redis://user:password@host:port/database, or rediss:// for TLS")]
    Url,
    /// It can't be read, or isn't a certificate.
    #[error("the certificate authority of Redis can't be read from {0}")]
    Authority(PathBuf),
}

/// What was found.
#[derive(Debug)]
pub enum Looked {
    /// An entry that holds.
    Hit(Hit),
    /// None. Compute it after this, not before, and show the ticket.
    Miss(Ticket),
}

/// An entry that holds.
#[derive(Debug)]
pub struct Hit {
    /// The position that it reflects.
    pub position: u64,
    /// The position that it was computed at.
    pub filled_at: u64,
    /// What it says, in the order in which it was put in.
    pub parts: Vec<crate::Part>,
}

/// What was seen at a miss: what is computed now is taken only if nothing was thrown out since.
#[derive(Debug)]
pub struct Ticket {
    key: Key,
    lanes: Vec<Lane>,
    /// `None`: nothing is taken, because it couldn't be told later whether it holds.
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    generation: Option<Vec<u8>>,
    epochs: Vec<u64>,
}

/// How a cache is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// `memory` or `redis`.
    pub kind: &'static str,
    /// Whether it answers. If not, everything is a miss.
    pub is_well: bool,
}

/// A cache. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Cache {
    store: Arc<Store>,
    vault: Vault,
}

impl Cache {
    /// In the memory of this process: at most `max_bytes` of entries.
    pub fn in_memory(vault: Vault, max_bytes: u64) -> Self {
        Self { store: Arc::new(Store::Memory(Memory::new(max_bytes))), vault }
    }

    /// In Redis. It is connected to when it is first needed, and again whenever it comes back. Must be called inside a
    /// tokio runtime.
    pub fn in_redis(vault: Vault, settings: &RedisSettings) -> Result<Self, CacheError> {
        Ok(Self { store: Arc::new(Store::Redis(Redis::new(settings)?)), vault })
    }

    /// What stands under a key, if it reflects at least a position. `lanes`: what keeps the read models up that it is
    /// computed from, each with the checkpoint that it is known to have had when they reflected that position.
    pub async fn look(&self, key: &Key, lanes: &[(Lane, u64)], at_least: u64) -> Looked {
        let (lanes, checkpoints): (Vec<_>, Vec<_>) = lanes.iter().cloned().unzip();
        let miss = |seen| Looked::Miss(Ticket { key: key.clone(), lanes: lanes.clone(), seen });
        let Some(found) = self.store.look(key, &lanes).await else { return miss(None) };
        let Some(states) = found.lanes.iter().map(|lane| LaneState::parse(lane.as_deref()?)).collect::<Option<Vec<_>>>() else { return miss(None) };
        let epochs: Vec<_> = states.iter().map(|state| state.epoch).collect();
        let hit = match found.entry {
            Some(bytes) => entry::open(&self.vault, key, bytes, &epochs).await.and_then(|entry| hit(key, entry, &states, &checkpoints, at_least)),
            None => None,
        };
        match hit {
            Some(hit) => Looked::Hit(hit),
            None => miss(Some(Seen { generation: found.generation, epochs })),
        }
    }

    /// Puts in what was computed after a miss, unless something newer is known by now.
    pub async fn fill(&self, ticket: Ticket, entry: &Entry) -> bool {
        let Ticket { key, lanes, seen: Some(Seen { generation, epochs }) } = ticket else { return false };
        if key.ttl().as_millis() == 0 {
            return false;
        }
        let Some(sealed) = entry::seal(&self.vault, &key, entry, &epochs).await else { return false };
        let epochs: Vec<_> = epochs.into_iter().map(LaneState::epoch_text).collect();
        self.store
            .fill(&Fill { key: &key, lanes: &lanes, generation: generation.as_deref(), epochs: &epochs, sealed: &sealed })
            .await
            .unwrap_or(false)
    }

    /// Throws an entry out, if the cache can be reached.
    pub async fn forget(&self, key: &Key) -> bool {
        self.store.forget(key, rand::random()).await.is_some()
    }

    /// Ends a lane's epoch: whatever is computed from that read model counts no more. `false`: it can't be reached.
    pub async fn forget_lane(&self, lane: &Lane) -> bool {
        self.store.forget_lane(lane).await.is_some()
    }

    /// Counts one more under a key, in the minute that began with the first. Where Redis can't be reached, this process
    /// counts for itself.
    pub async fn count(&self, key: &Key) -> Counted {
        self.store.count(key).await
    }

    /// Asks whether it answers.
    pub async fn health(&self) -> Health {
        self.store.health().await
    }

    pub(crate) async fn advance(&self, lane: &Lane, from: LaneState, to: LaneState, outdated: &[Key]) -> Option<bool> {
        self.store.advance(lane, &from.to_string(), &to.to_string(), outdated, rand::random()).await
    }

    pub(crate) async fn start_epoch(&self, lane: &Lane, state: LaneState) -> Option<()> {
        self.store.put_lane(lane, &state.to_string()).await
    }
}

/// Whatever was touched up to where its lanes are was thrown out, so an entry reflects that too. If they are where their
/// checkpoints were known to be, it reflects what those did; otherwise it has to be new enough by itself.
fn hit(key: &Key, entry: Entry, lanes: &[LaneState], checkpoints: &[u64], at_least: u64) -> Option<Hit> {
    let filled_at = entry.position;
    if key.kind().ends_with_any_change() && lanes.iter().any(|lane| lane.changed > filled_at) {
        return None;
    }
    let are_kept = !lanes.is_empty() && lanes.iter().zip(checkpoints).all(|(lane, checkpoint)| lane.reached >= *checkpoint);
    let newest = checkpoints.iter().copied().max().unwrap_or_default().max(at_least);
    let reached = lanes.iter().map(|lane| lane.reached).min().unwrap_or_default();
    let position = filled_at.max(reached).max(if are_kept { at_least } else { 0 });
    (are_kept || filled_at >= newest).then_some(Hit { position, filled_at, parts: entry.parts })
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache(..)")
    }
}
