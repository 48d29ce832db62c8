//! Which streams' states are in memory, so that a change needn't read its stream first?
//!
//! Such a state may be of yesterday: another process may have appended meanwhile. So nothing is ever answered from it but what the append
//! then accepts, which compares the sequence: a no, a command that changes nothing and an unexpected sequence are decided anew on what is
//! stored. A state is in the clear as long as an opened key may be; of somebody whose key is gone it leads to an append that is refused.

use std::any::Any;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anamnesis_domain::Aggregate;
use moka::sync::Cache;
use uuid::Uuid;

use crate::stream::Folded;

/// For so long at most: as long as the vault keeps the keys that open it.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// What an entry takes beside its state, in bytes.
const ENTRY: usize = 256;

/// States in memory, bounded in bytes and time. The least used go first.
pub(crate) struct States(Cache<Stream, Kept>);

#[derive(PartialEq, Eq, Hash)]
struct Stream {
    organization_id: Uuid,
    aggregate_type: &'static str,
    aggregate_id: Uuid,
}

/// A [`Folded`] of the stream's aggregate.
#[derive(Clone)]
struct Kept {
    folded: Arc<dyn Any + Send + Sync>,
    bytes: u32,
}

impl States {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Cache::builder().max_capacity(bytes).weigher(|_, kept: &Kept| kept.bytes).time_to_live(KEPT_FOR).build())
    }

    /// The stream's state as this process last saw it, if it is in memory.
    pub(crate) fn get<A: Aggregate>(&self, organization_id: Uuid, id: Uuid) -> Option<Arc<Folded<A>>> {
        self.0.get(&Stream::of::<A>(organization_id, id))?.folded.downcast().ok()
    }

    pub(crate) fn put<A: Aggregate>(&self, organization_id: Uuid, id: Uuid, folded: Arc<Folded<A>>) {
        let bytes = u32::try_from(ENTRY + memory(&*folded)).unwrap_or(u32::MAX);
        self.0.insert(Stream::of::<A>(organization_id, id), Kept { folded, bytes });
    }

    pub(crate) fn forget<A: Aggregate>(&self, organization_id: Uuid, id: Uuid) {
        self.0.invalidate(&Stream::of::<A>(organization_id, id));
    }
}

/// About how much memory a state takes: what it is itself, and twice what it says as JSON for what it points to, whose names make up
/// for some of the room between its parts.
fn memory<A: Aggregate>(folded: &Folded<A>) -> usize {
    struct Counted(usize);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut json = Counted(0);
    // what can't be written is too large for any memory
    let is_written = serde_json::to_writer(&mut json, &folded.state).is_ok();
    if is_written { size_of::<Folded<A>>() + 2 * json.0 } else { usize::MAX - ENTRY }
}

impl Stream {
    fn of<A: Aggregate>(organization_id: Uuid, aggregate_id: Uuid) -> Self {
        Self { organization_id, aggregate_type: A::TYPE, aggregate_id }
    }
}
