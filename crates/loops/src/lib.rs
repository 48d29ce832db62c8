//! What runs for as long as the process does, and is it alive?
//!
//! Whoever starts a task that is to go on for ever starts it here. The task beats its [`Pulse`] as it goes on. One that ends
//! without having been told to is dead, whether it returned, panicked or was aborted; one that hasn't beaten for longer than its
//! bound is stuck. This crate must never know what the loops do.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod life;
mod pulse;
mod together;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use life::{Entry, Life};
pub use pulse::Pulse;
pub use together::{Together, shared};

/// How long a loop may be silent that waits for a database: longer than a statement may take.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// The same for one that works on much at a time, or waits for Kafka.
pub const MORE_PATIENCE: Duration = Duration::from_mins(3);

/// The loops of a process. Cheap to clone; the default one knows none yet.
#[derive(Clone, Debug, Default)]
pub struct Loops(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Entries>,
    /// The first that died.
    dead: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    by_number: BTreeMap<u64, Arc<Entry>>,
}

/// How a loop is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoopState {
    /// What it is: `sequencer`, `lane of patient-events/3`. What comes before ` of ` is its kind.
    pub name: String,
    /// Whether it is alive.
    pub condition: Condition,
    /// How long ago it beat.
    pub silent_for: Duration,
}

/// Whether a loop is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It goes on.
    Alive,
    /// It hasn't beaten for longer than it may.
    Stuck,
    /// It ended, and nobody had told it to.
    Dead,
}

impl LoopState {
    /// What loops of its sort have in common; one of few.
    pub fn kind(&self) -> &str {
        self.name.split_once(" of ").map_or(&self.name, |(kind, _)| kind)
    }
}

impl Loops {
    /// Starts a loop. `bound` is how long it may be silent. It ends when what is returned is dropped, and that is in order.
    pub fn spawn<W: Future<Output = ()> + Send + 'static>(&self, name: impl Into<String>, bound: Duration, work: impl FnOnce(Pulse) -> W) -> Running {
        let (pulse, life) = self.enter(name.into(), bound);
        let task = tokio::spawn(within(life, work(pulse.clone())));
        pulse.may_be_aborted(task.abort_handle());
        Running { task, pulse, is_owned: true }
    }

    /// Starts a loop among others that end together.
    pub fn spawn_on<T, W>(&self, tasks: &mut JoinSet<T>, name: impl Into<String>, bound: Duration, work: impl FnOnce(Pulse) -> W)
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let (pulse, life) = self.enter(name.into(), bound);
        pulse.may_be_aborted(tasks.spawn(within(life, work(pulse.clone()))));
    }

    /// Starts a loop that blocks, on a thread of its own. Whoever ends it in order tells it so, and it says [`Pulse::ends`].
    pub fn spawn_thread<T: Send + 'static>(
        &self,
        name: &str,
        bound: Duration,
        work: impl FnOnce(Pulse) -> T + Send + 'static,
    ) -> io::Result<thread::JoinHandle<T>> {
        let (pulse, life) = self.enter(name.to_owned(), bound);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _life = life;
            work(pulse)
        })
    }

    /// How each of them is, in the order in which they began. Those that ended in order aren't there any more.
    pub fn states(&self) -> Vec<LoopState> {
        self.entries().by_number.values().map(|entry| entry.state()).collect()
    }

    /// Those that are dead or stuck.
    pub fn unwell(&self) -> Vec<LoopState> {
        self.states().into_iter().filter(|state| state.condition != Condition::Alive).collect()
    }

    /// Waits for the first that dies; its name.
    pub async fn died(&self) -> String {
        let mut dead = self.0.dead.subscribe();
        let died = dead.wait_for(Option::is_some).await.map(|name| name.clone());
        // it never ends before this value does
        died.ok().flatten().unwrap_or_default()
    }

    /// Ends the loops of that name as a fault would: for drills. One on a thread of its own ends when it beats next.
    pub fn break_down(&self, name: &str) {
        let broken: Vec<_> = self.entries().by_number.values().filter(|entry| entry.name == name).cloned().collect();
        for entry in broken {
            entry.break_down();
        }
    }

    fn enter(&self, name: String, bound: Duration) -> (Pulse, Life) {
        let entry = Arc::new(Entry::new(name, bound));
        let number = {
            let mut entries = self.entries();
            entries.last += 1;
            let number = entries.last;
            entries.by_number.insert(number, Arc::clone(&entry));
            number
        };
        let life = Life { loops: self.clone(), number, entry: Arc::clone(&entry) };
        (Pulse::of(entry), life)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<W: Future>(_life: Life, work: W) -> W::Output {
    work.await
}

/// A loop, for as long as its owner wants it.
#[derive(Debug)]
#[must_use = "the loop ends when this is dropped"]
pub struct Running {
    task: JoinHandle<()>,
    pulse: Pulse,
    is_owned: bool,
}

impl Running {
    /// Waits until it has ended. Before, it must be told to.
    pub async fn ended(mut self) -> Result<(), JoinError> {
        (&mut self.task).await
    }

    /// Lets it go on without an owner, until it finds by itself that it is to end ([`Pulse::ends`]).
    pub fn go_on(mut self) {
        self.is_owned = false;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_owned {
            self.pulse.ends();
            self.task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
