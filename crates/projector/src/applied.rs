//! How many events has each projection taken in this process?

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Events that were folded into rows, by projection. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Applied(Arc<Mutex<BTreeMap<&'static str, Arc<AtomicU64>>>>);

impl Applied {
    /// How many, since this process began.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect()
    }

    /// The counter of one, shared by all its partitions.
    pub(crate) fn counter(&self, projection: &'static str) -> Arc<AtomicU64> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(projection).or_default())
    }
}
