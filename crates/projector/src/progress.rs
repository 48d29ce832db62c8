//! How far are the projections, and are they well?

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How one projection is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectionState {
    /// The last position that its rows reflect.
    pub position: u64,
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

type States = BTreeMap<&'static str, ProjectionState>;

/// How far the projections of this process are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress(watch::Receiver<States>);

impl Progress {
    /// How each is.
    pub fn states(&self) -> BTreeMap<&'static str, ProjectionState> {
        self.0.borrow().clone()
    }

    /// How one is.
    pub fn state(&self, projection: &str) -> Option<ProjectionState> {
        self.0.borrow().get(projection).cloned()
    }

    /// True while every projection runs, and somebody runs them.
    pub fn is_well(&self) -> bool {
        self.0.has_changed().is_ok() && self.0.borrow().values().all(|state| state.status == Status::Running)
    }

    /// Waits until the projection's rows reflect a position.
    pub async fn wait_until(&self, projection: &str, position: u64, within: Duration) -> Result<(), NotReached> {
        let mut states = self.0.clone();
        let decided = states.wait_for(|states| decide(states, projection, position).is_some());
        let states = timeout(within, decided).await.map_err(|_| NotReached::TimedOut)?.map_err(|_| NotReached::Stopped)?;
        decide(&states, projection, position).unwrap_or(Err(NotReached::TimedOut))
    }
}

/// `None`: it is still to be seen.
fn decide(states: &States, projection: &str, position: u64) -> Option<Result<(), NotReached>> {
    let Some(state) = states.get(projection) else { return Some(Err(NotReached::Unknown)) };
    if state.position >= position {
        return Some(Ok(()));
    }
    match state.status {
        Status::Stopped { .. } => Some(Err(NotReached::Stopped)),
        Status::Starting | Status::Running | Status::Waiting { .. } => None,
    }
}

/// Where the projector tells it.
#[derive(Clone, Debug)]
pub(crate) struct Reporter(watch::Sender<States>);

impl Reporter {
    pub(crate) fn new(projections: impl IntoIterator<Item = &'static str>) -> Self {
        let starting = ProjectionState { position: 0, status: Status::Starting };
        Self(watch::Sender::new(projections.into_iter().map(|name| (name, starting.clone())).collect()))
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress(self.0.subscribe())
    }

    pub(crate) fn running(&self, name: &'static str, position: u64) {
        let running = ProjectionState { position, status: Status::Running };
        self.0.send_if_modified(|states| states.insert(name, running.clone()).as_ref() != Some(&running));
    }

    pub(crate) fn status(&self, name: &'static str, status: Status) {
        self.0.send_if_modified(|states| match states.get_mut(name) {
            Some(state) if state.status != status => {
                state.status = status;
                true
            }
            Some(_) | None => false,
        });
    }
}
