//! Who of many that want the same streams is next?

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// So many streams can be fought for at the same time without waiting for each other (most of the time).
const LANES: u64 = 256;

/// One turn at a time for each stream, first come first served; within this process.
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..LANES).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Waits for the streams' turns, which last as long as the guards. Always in the same order, so that nobody waits
    /// for somebody who waits for them.
    pub(crate) async fn take(&self, streams: impl IntoIterator<Item = Uuid>) -> Vec<MutexGuard<'_, ()>> {
        let lanes: BTreeSet<usize> = streams.into_iter().map(lane).collect();
        let mut turns = Vec::with_capacity(lanes.len());
        for lane in lanes {
            turns.push(self.0[lane].lock().await);
        }
        turns
    }
}

fn lane(stream: Uuid) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(stream);
    usize::try_from(hash % LANES).expect("a lane's number is small")
}
