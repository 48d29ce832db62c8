//! How does a loop say that it goes on?

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::life::Entry;

/// How often a loop beats that waits for something to do, at least.
const BEAT_EVERY: Duration = if cfg!(test) { Duration::from_millis(5) } else { Duration::from_secs(5) };

/// A loop's sign of life. The default one is nobody's.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Option<Arc<Entry>>);

impl Pulse {
    pub(crate) fn of(entry: Arc<Entry>) -> Self {
        Self(Some(entry))
    }

    /// The loop has come round once more.
    pub fn beat(&self) {
        if let Some(entry) = &self.0 {
            entry.beat();
        }
    }

    /// The loop ends now, as it should.
    pub fn ends(&self) {
        if let Some(entry) = &self.0 {
            entry.ends();
        }
    }

    /// Waits for what may never come, and beats meanwhile. Only for waiting: whatever works must get on to beat.
    pub async fn while_waiting<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        loop {
            self.beat();
            tokio::select! {
                biased;
                came = &mut waiting => {
                    self.beat();
                    return came;
                }
                () = sleep(BEAT_EVERY) => {}
            }
        }
    }

    pub(crate) fn may_be_aborted(&self, abort: AbortHandle) {
        if let Some(entry) = &self.0 {
            // it is told once
            let _ = entry.abort.set(abort);
        }
    }
}
