//! What is known of one loop?

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::{Condition, LoopState, Loops};

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) abort: OnceLock<AbortHandle>,
    bound: Duration,
    begun: Instant,
    /// When it beat last, in milliseconds since it began.
    beat_ms: AtomicU64,
    ends: AtomicBool,
    is_dead: AtomicBool,
    /// It has no task that could be aborted, and is to break down all the same.
    breaks: AtomicBool,
}

impl Entry {
    pub(crate) fn new(name: String, bound: Duration) -> Self {
        let (beat_ms, [ends, is_dead, breaks]) = (AtomicU64::new(0), [false; 3].map(AtomicBool::new));
        Self { name, abort: OnceLock::new(), bound, begun: Instant::now(), beat_ms, ends, is_dead, breaks }
    }

    pub(crate) fn break_down(&self) {
        match self.abort.get() {
            Some(task) => task.abort(),
            None => self.breaks.store(true, Ordering::Release),
        }
    }

    pub(crate) fn beat(&self) {
        if self.breaks.load(Ordering::Acquire) {
            resume_unwind(Box::new("broken down for a drill"));
        }
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(since, Ordering::Relaxed);
    }

    pub(crate) fn ends(&self) {
        self.ends.store(true, Ordering::Release);
    }

    pub(crate) fn state(&self) -> LoopState {
        let silent_for = self.begun.elapsed().saturating_sub(Duration::from_millis(self.beat_ms.load(Ordering::Relaxed)));
        let condition = match () {
            () if self.is_dead.load(Ordering::Acquire) => Condition::Dead,
            () if silent_for > self.bound => Condition::Stuck,
            () => Condition::Alive,
        };
        LoopState { name: self.name.clone(), condition, silent_for }
    }
}

/// Lies in the loop's task, and goes with it: however that ends.
pub(crate) struct Life {
    pub(crate) loops: Loops,
    pub(crate) number: u64,
    pub(crate) entry: Arc<Entry>,
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.entry.ends.load(Ordering::Acquire) {
            self.loops.entries().by_number.remove(&self.number);
        } else {
            self.entry.is_dead.store(true, Ordering::Release);
            self.loops.0.dead.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| self.entry.name.clone());
                is_first
            });
        }
    }
}
