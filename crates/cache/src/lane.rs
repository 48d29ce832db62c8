//! How far is what stands in the cache kept up, and what of it still holds?

use std::fmt;

use tracing::debug;

use crate::{Cache, Key};

/// A read model, as far as one projector keeps it up: a projection and a partition of its feed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lane(String);

impl Lane {
    /// The lane of a projection that reads that partition of its feed.
    pub fn new(projection: &str, partition: u32) -> Self {
        Self(format!("{projection}:{partition}"))
    }
}

/// As it stands in Redis.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane:{}", self.0)
    }
}

/// What a lane says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LaneState {
    /// Drawn anew whenever something may have been missed: entries of another epoch don't count.
    pub(crate) epoch: u64,
    /// Whatever was touched up to this position was thrown out.
    pub(crate) reached: u64,
    /// The end of the last batch that touched anything.
    pub(crate) changed: u64,
}

impl LaneState {
    /// The text in which an epoch is compared by scripts: a state begins with it.
    pub(crate) fn epoch_text(epoch: u64) -> String {
        format!("{epoch:016x}")
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(bytes).ok()?.split(':');
        let epoch = parts.next().filter(|text| text.len() == 16)?;
        let mut number = || parts.next()?.parse().ok();
        let state = Self { epoch: u64::from_str_radix(epoch, 16).ok()?, reached: number()?, changed: number()? };
        parts.next().is_none().then_some(state)
    }
}

impl fmt::Display for LaneState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", Self::epoch_text(self.epoch), self.reached, self.changed)
    }
}

/// Moves a lane on. The projector of the read model has one, and nobody else.
///
/// Whatever happens in between (Redis flushed, restarted from an old dump, out of reach; another projector in the
/// meantime) the lane isn't as it was left. Then it begins a new epoch, and every older entry is a miss.
#[derive(Debug)]
pub struct Keeper {
    cache: Cache,
    lane: Lane,
    /// As it was left; `None`: not known.
    left: Option<LaneState>,
}

impl Keeper {
    /// The keeper of a lane. What stands in the cache counts only after its first [`Keeper::moved`].
    pub fn new(cache: Cache, lane: Lane) -> Self {
        Self { cache, lane, left: None }
    }

    /// Throws out the entries that a committed batch touched, and says that the lane has reached a position.
    /// `touched`: whether it touched any row at all. A cache that can't be reached is seen to later.
    pub async fn moved(&mut self, outdated: &[Key], touched: bool, reached: u64) {
        if let Some(left) = self.left.take() {
            let state = LaneState { reached, changed: if touched { reached } else { left.changed }, ..left };
            if (left == state && outdated.is_empty()) || self.cache.advance(&self.lane, left, state, outdated).await == Some(true) {
                self.left = Some(state);
                return;
            }
            debug!(lane = %self.lane, "the cache isn't as it was left: what stands in it counts no more");
        }
        let state = LaneState { epoch: rand::random(), reached, changed: reached };
        self.left = self.cache.start_epoch(&self.lane, state).await.map(|()| state);
    }

    /// Says that something may have been touched that nobody can name: what stands in the cache counts no more.
    pub fn doubt(&mut self) {
        self.left = None;
    }

    /// Whether what stands in the cache counts.
    pub fn is_kept(&self) -> bool {
        self.left.is_some()
    }
}
