//! How is it avoided that everybody waits for what doesn't answer?
//!
//! closed → open (a failure: for a pause nobody asks) → half open (one asks, the others don't) → closed (it answered)

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For so long nobody asks after a failure.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Breaker {
    began: Instant,
    /// Milliseconds since it began; 0: closed.
    open_until: AtomicU64,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), open_until: AtomicU64::new(0) }
    }

    /// Whether to ask. After the pause the first who wants to may, and the others wait another pause for what it finds.
    pub(crate) fn may_ask(&self) -> bool {
        let (now, until) = (self.now(), self.open_until.load(Ordering::Acquire));
        until == 0 || (now >= until && self.open_until.compare_exchange(until, now + pause(), Ordering::AcqRel, Ordering::Acquire).is_ok())
    }

    /// It answered. True if it hadn't before.
    pub(crate) fn answered(&self) -> bool {
        self.open_until.swap(0, Ordering::AcqRel) != 0
    }

    /// It didn't. True if it had before.
    pub(crate) fn failed(&self) -> bool {
        self.open_until.swap(self.now() + pause(), Ordering::AcqRel) == 0
    }

    fn now(&self) -> u64 {
        // never 0, which means closed
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - pause()).max(1)
    }
}

fn pause() -> u64 {
    u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_nobody_asks_and_after_the_pause_one_does() {
        let breaker = Breaker::new();
        assert!(breaker.may_ask() && breaker.may_ask());
        assert!(!breaker.answered());
        assert!(breaker.failed(), "it answered until now");
        assert!(!breaker.failed());
        assert!(!breaker.may_ask());
        breaker.open_until.store(1, Ordering::Release);
        assert!(breaker.may_ask(), "the pause is over");
        assert!(!breaker.may_ask(), "one is enough");
        assert!(breaker.answered(), "it had failed");
        assert!(breaker.may_ask() && breaker.may_ask());
    }
}
