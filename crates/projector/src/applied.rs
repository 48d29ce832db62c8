//! How many events has each projection taken in this process?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Counts = BTreeMap<&'static str, u64>;

/// Events that were folded into rows, by projection. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Applied(Arc<Mutex<Counts>>);

impl Applied {
    /// How many, since this process began.
    pub fn counts(&self) -> Counts {
        self.locked().clone()
    }

    pub(crate) fn add(&self, projection: &'static str, events: u64) {
        *self.locked().entry(projection).or_default() += events;
    }

    fn locked(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
