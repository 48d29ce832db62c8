//! Who of many that want the same stream is next?

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// So many streams can be fought for at the same time without waiting for each other (most of the time).
const LANES: usize = 256;

/// One turn at a time for each stream, first come first served; within this process.
pub(crate) struct Turns(Box<[Mutex<()>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..LANES).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Waits for the stream's turn, which lasts as long as the guard.
    pub(crate) async fn take(&self, stream: Uuid) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(stream);
        let lane = usize::try_from(hash % LANES as u64).expect("a lane's number is small");
        self.0[lane].lock().await
    }
}
