//! How many streams are open, whose are they, and when do they end?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::edge::Problem;

/// How many pages are read at once: of all connections to the database, streams take no more than so many.
const PAGES_AT_ONCE: usize = 4;
/// After so long one who has too many streams open may look whether one has ended.
const AGAIN_IN: Duration = Duration::from_secs(5);

/// How streams behave.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// How many may be open in this process.
    pub at_once: usize,
    /// How many one account may have open in this process.
    pub per_account: usize,
    /// After so long without an event a stream says how far it is, in milliseconds.
    pub heartbeat_ms: u64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { at_once: 256, per_account: 8, heartbeat_ms: 10_000 }
    }
}

/// The streams that are open in this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Streams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: StreamSettings,
    closing: CancellationToken,
    /// By account: how many.
    open: Mutex<HashMap<Uuid, usize>>,
    turns: Arc<Semaphore>,
}

impl Streams {
    /// None is open. All end when `closing` is cancelled.
    pub fn new(settings: StreamSettings, closing: CancellationToken) -> Self {
        Self(Arc::new(Inner { settings, closing, open: Mutex::default(), turns: Arc::new(Semaphore::new(PAGES_AT_ONCE)) }))
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.accounts().values().sum()
    }

    /// One more, until it is dropped.
    pub(super) fn open(&self, account: Uuid) -> Result<Open, Problem> {
        let StreamSettings { at_once, per_account, .. } = self.0.settings;
        let mut accounts = self.accounts();
        if self.0.closing.is_cancelled() || accounts.values().sum::<usize>() >= at_once {
            return Err(Problem::unavailable("as many streams are open here as can be; try again"));
        }
        let own = accounts.entry(account).or_default();
        if *own >= per_account {
            return Err(Problem::too_many(AGAIN_IN));
        }
        *own += 1;
        Ok(Open { streams: self.clone(), account })
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that is open.
pub(super) struct Open {
    streams: Streams,
    account: Uuid,
}

impl Open {
    /// Waits for its turn to read a page.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams.0.turns).acquire_owned().await.map_err(|_| Problem::internal())
    }

    /// Comes back when the process stops.
    pub(super) async fn closing(&self) {
        self.streams.0.closing.cancelled().await;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.streams.0.closing.is_cancelled()
    }

    pub(super) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.streams.0.settings.heartbeat_ms)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut accounts = self.streams.accounts();
        match accounts.get_mut(&self.account) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(accounts.remove(&self.account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(opened: Result<Open, Problem>) -> u64 {
        serde_json::to_value(opened.err().unwrap()).unwrap()["status"].as_u64().unwrap()
    }

    #[test]
    fn each_account_and_all_together_have_so_many_until_one_ends() {
        let closing = CancellationToken::new();
        let streams = Streams::new(StreamSettings { at_once: 3, per_account: 2, ..StreamSettings::default() }, closing.clone());
        let [one, other, third] = [1, 2, 3].map(Uuid::from_u128);
        let (first, _second) = (streams.open(one).unwrap(), streams.open(one).unwrap());
        assert_eq!(status(streams.open(one)), 429);
        let _third = streams.open(other).unwrap();
        assert_eq!(status(streams.open(third)), 503);
        drop(first);
        assert_eq!(streams.count(), 2);
        drop(streams.open(one).unwrap());
        closing.cancel();
        assert_eq!(status(streams.open(third)), 503);
    }
}
