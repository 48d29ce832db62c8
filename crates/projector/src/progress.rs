//! How far are the projections, and are they well?

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anamnesis_projections::kernel::{Follows, Projection};
use anamnesis_stream::TopicPartition;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::checkpoint::{LOG, partitions_of};
use crate::presence::Held;
use crate::rate::Rates;

/// How one projection is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectionState {
    /// The last position that its rows reflect.
    pub position: u64,
    /// The checkpoint of each partition that it follows; 0 is the log itself. Of its own partition each may be beyond
    /// what the rows reflect altogether.
    pub partitions: Vec<(u32, u64)>,
    /// How many streams it has parked: their rows are older than the position says.
    pub parked: usize,
    /// Whether it goes on.
    pub status: Status,
}

/// Whether a projection goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// Nothing is known yet.
    Starting,
    /// It keeps up.
    Running,
    /// Something doesn't answer; it is tried again.
    Waiting {
        /// What, in words for operators.
        error: String,
    },
    /// Another process runs it; it is taken back when that one falls silent.
    StandingBy,
    /// It stands still until somebody does something.
    Stopped {
        /// Why, in words for operators.
        error: String,
    },
}

/// Why a position wasn't reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotReached {
    /// Not within the time.
    #[error("the read model hasn't come so far in time")]
    TimedOut,
    /// It doesn't go on.
    #[error("the read model stands still")]
    Stopped,
    /// No projection of that name runs in this process.
    #[error("no such projection runs here")]
    Unknown,
}

/// What an answer must reflect at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Everything up to this position; of one event: itself and what comes before it in its partition.
    pub position: u64,
    /// The partition that the event came through, where only that event matters.
    pub partition: Option<u32>,
}

impl Wanted {
    /// Everything up to a position.
    pub fn everything(position: u64) -> Self {
        Self { position, partition: None }
    }

    /// One event: a projection that follows several partitions waits only for the one that its stream runs through.
    pub fn event(position: u64, aggregate_type: &str, aggregate_id: Uuid) -> Self {
        Self { position, partition: TopicPartition::of(aggregate_type, aggregate_id).map(TopicPartition::number) }
    }

    fn is_reached_by(self, state: &ProjectionState) -> bool {
        let mut of_partition = state.partitions.iter().filter(|(partition, _)| Some(*partition) == self.partition);
        state.position >= self.position || of_partition.any(|(_, checkpoint)| *checkpoint >= self.position)
    }
}

pub(crate) type States = BTreeMap<&'static str, ProjectionState>;

/// How far the projections are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    states: watch::Receiver<States>,
    interest: Arc<Interest>,
    rates: Arc<Rates>,
}

/// Whether anybody waits, so that who looks for changes looks more often.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    waiting: AtomicUsize,
    begun: Notify,
}

impl Interest {
    pub(crate) fn is_there(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    pub(crate) async fn begins(&self) {
        self.begun.notified().await;
    }

    fn begin(&self) -> impl Drop {
        struct Ends<'a>(&'a Interest);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.begun.notify_one();
        Ends(self)
    }
}

impl Progress {
    pub(crate) fn new(states: watch::Receiver<States>, interest: Arc<Interest>, rates: Arc<Rates>) -> Self {
        Self { states, interest, rates }
    }

    /// How many positions a second one has come on lately, if this process looks at all of them.
    pub fn events_per_second(&self, projection: &str) -> Option<f64> {
        self.rates.of(projection)
    }

    /// How each is.
    pub fn states(&self) -> BTreeMap<&'static str, ProjectionState> {
        self.states.borrow().clone()
    }

    /// How one is.
    pub fn state(&self, projection: &str) -> Option<ProjectionState> {
        self.states.borrow().get(projection).cloned()
    }

    /// True while every projection runs, and somebody runs them. What it has parked is another question.
    pub fn is_well(&self) -> bool {
        self.states.has_changed().is_ok() && self.states.borrow().values().all(|state| state.status == Status::Running)
    }

    /// Waits until the projection's rows reflect what is wanted.
    pub async fn wait_until(&self, projection: &str, wanted: Wanted, within: Duration) -> Result<(), NotReached> {
        if let Some(decided) = decide(&self.states.borrow(), projection, wanted) {
            return decided;
        }
        let _waiting = self.interest.begin();
        let mut states = self.states.clone();
        let decided = states.wait_for(|states| decide(states, projection, wanted).is_some());
        let states = timeout(within, decided).await.map_err(|_| NotReached::TimedOut)?.map_err(|_| NotReached::Stopped)?;
        decide(&states, projection, wanted).unwrap_or(Err(NotReached::TimedOut))
    }
}

/// `None`: it is still to be seen.
fn decide(states: &States, projection: &str, wanted: Wanted) -> Option<Result<(), NotReached>> {
    let Some(state) = states.get(projection) else { return Some(Err(NotReached::Unknown)) };
    if wanted.is_reached_by(state) {
        return Some(Ok(()));
    }
    match state.status {
        Status::Stopped { .. } => Some(Err(NotReached::Stopped)),
        Status::Starting | Status::Running | Status::Waiting { .. } | Status::StandingBy => None,
    }
}

/// Where a projector tells it, of the one partition that it follows.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    states: watch::Sender<States>,
    partition: u32,
    /// In which epochs this process moves the checkpoints.
    epochs: Arc<Mutex<BTreeMap<&'static str, i64>>>,
}

impl Reporter {
    pub(crate) fn new(projections: &[&'static Projection], partition: u32) -> Self {
        let starting = ProjectionState { position: 0, partitions: vec![(partition, 0)], parked: 0, status: Status::Starting };
        let states = projections.iter().map(|projection| (projection.name, starting.clone())).collect();
        Self { states: watch::Sender::new(states), partition, epochs: Arc::default() }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.states.subscribe(), Arc::default(), Arc::default())
    }

    /// The partition that is followed; 0 is the log.
    pub(crate) fn partition(&self) -> u32 {
        self.partition
    }

    /// A projection is this process's, in that epoch.
    pub(crate) fn hold(&self, name: &'static str, epoch: i64) {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner).insert(name, epoch);
    }

    /// Another process has taken it over.
    pub(crate) fn release(&self, name: &'static str) {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.status(name, Status::StandingBy);
    }

    /// What is this process's, and how it is.
    pub(crate) fn held(&self) -> Vec<Held> {
        let (states, epochs) = (self.states.borrow(), self.epochs.lock().unwrap_or_else(PoisonError::into_inner));
        epochs.iter().filter_map(|(name, epoch)| Some((*name, *epoch, states.get(name)?.status.clone()))).collect()
    }

    pub(crate) fn running(&self, name: &'static str, position: u64, parked: usize) {
        let running = ProjectionState { position, partitions: vec![(self.partition, position)], parked, status: Status::Running };
        self.states.send_if_modified(|states| states.insert(name, running.clone()).as_ref() != Some(&running));
    }

    pub(crate) fn status(&self, name: &'static str, status: Status) {
        self.states.send_if_modified(|states| match states.get_mut(name) {
            Some(state) if state.status != status => {
                state.status = status;
                true
            }
            Some(_) | None => false,
        });
    }
}

/// The partitions that a projection follows, if there is a Kafka or not.
pub(crate) fn followed(projection: &Projection, from_kafka: bool) -> Vec<u32> {
    match projection.follows {
        Follows::Topics if from_kafka => partitions_of(projection),
        Follows::Topics | Follows::Log => vec![LOG],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_reflected_as_soon_as_its_own_partition_is_that_far() {
        let state = ProjectionState { position: 4, partitions: vec![(1000, 4), (1001, 9)], parked: 0, status: Status::Running };
        let wanted = |position, partition| Wanted { position, partition }.is_reached_by(&state);
        assert!(wanted(4, None) && !wanted(5, None));
        assert!(wanted(9, Some(1001)) && !wanted(9, Some(1000)) && !wanted(9, Some(2000)));
    }
}
