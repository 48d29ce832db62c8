//! Where do entries stand?

mod breaker;
mod memory;
mod redis;

use std::time::Duration;

pub(crate) use memory::Memory;
pub(crate) use redis::Redis;

use crate::cache::Health;
use crate::{Key, Lane};

/// One of the two. `None` from Redis: it can't be reached.
pub(crate) enum Store {
    Memory(Memory),
    Redis(Redis),
}

/// What stands under a key, all of it seen at the same moment.
pub(crate) struct Found {
    pub(crate) entry: Option<Vec<u8>>,
    /// Changes whenever the entry is thrown out.
    pub(crate) generation: Option<Vec<u8>>,
    pub(crate) lanes: Vec<Option<Vec<u8>>>,
}

/// An entry to be put in if generation and epochs are still those.
pub(crate) struct Fill<'a> {
    pub(crate) key: &'a Key,
    pub(crate) lanes: &'a [Lane],
    pub(crate) generation: Option<&'a [u8]>,
    pub(crate) epochs: &'a [String],
    pub(crate) sealed: &'a [u8],
}

/// How often something happened in the present minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// So often, this time included.
    pub count: u64,
    /// When it begins at nothing again.
    pub starts_anew_in: Duration,
}

impl Store {
    pub(crate) async fn look(&self, key: &Key, lanes: &[Lane]) -> Option<Found> {
        match self {
            Self::Memory(memory) => Some(memory.look(key, lanes)),
            Self::Redis(redis) => redis.look(key, lanes).await,
        }
    }

    pub(crate) async fn fill(&self, fill: &Fill<'_>) -> Option<bool> {
        match self {
            Self::Memory(memory) => Some(memory.fill(fill)),
            Self::Redis(redis) => redis.fill(fill).await,
        }
    }

    /// Moves a lane on if it is as it was left, and throws entries out; `nonce` is their next generation.
    pub(crate) async fn advance(&self, lane: &Lane, from: &str, to: &str, outdated: &[Key], nonce: u64) -> Option<bool> {
        match self {
            Self::Memory(memory) => Some(memory.advance(lane, from, to, outdated)),
            Self::Redis(redis) => redis.advance(lane, from, to, outdated, nonce).await,
        }
    }

    pub(crate) async fn put_lane(&self, lane: &Lane, state: &str) -> Option<()> {
        match self {
            Self::Memory(memory) => {
                memory.put_lane(lane, state);
                Some(())
            }
            Self::Redis(redis) => redis.put_lane(lane, state).await,
        }
    }

    pub(crate) async fn forget(&self, key: &Key, nonce: u64) -> Option<()> {
        match self {
            Self::Memory(memory) => {
                memory.forget(key);
                Some(())
            }
            Self::Redis(redis) => redis.forget(key, nonce).await,
        }
    }

    pub(crate) async fn forget_lane(&self, lane: &Lane) -> Option<()> {
        match self {
            Self::Memory(memory) => {
                memory.forget_lane(lane);
                Some(())
            }
            Self::Redis(redis) => redis.forget_lane(lane).await,
        }
    }

    pub(crate) async fn count(&self, key: &Key) -> Counted {
        match self {
            Self::Memory(memory) => memory.count(key),
            Self::Redis(redis) => redis.count(key).await,
        }
    }

    pub(crate) async fn health(&self) -> Health {
        match self {
            Self::Memory(_) => Health { kind: "memory", is_well: true },
            Self::Redis(redis) => Health { kind: "redis", is_well: redis.answers().await },
        }
    }
}
