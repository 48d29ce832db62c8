//! Which positions did events get? Looked up with one statement for all who ask at the same time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anamnesis_loops::{Loops, Together};
use sqlx::PgPool;
use tokio::time::timeout;
use uuid::Uuid;

/// A look takes a millisecond; after this long it is given up.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// An event, by its stream and its number there.
pub(super) type Event = (String, Uuid, u64);

/// Looks positions up. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Positions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    loops: Loops,
    looking: OnceLock<Together<Event, Option<u64>>>,
}

impl Positions {
    pub(super) fn new(pool: PgPool, loops: Loops) -> Self {
        Self(Arc::new(Shared { pool, loops, looking: OnceLock::new() }))
    }

    /// The event's position, if the log has it. `None`: it couldn't be looked up.
    pub(super) async fn of(&self, event: Event) -> Option<Option<u64>> {
        let Shared { pool, loops, looking } = &*self.0;
        let looking = looking.get_or_init(|| {
            let pool = pool.clone();
            Together::start(loops, "positions", move |events| look_up(pool.clone(), events))
        });
        looking.ask(event).await
    }
}

/// In the order of the events; nothing at all if it can't be done.
async fn look_up(pool: PgPool, events: Vec<Event>) -> Vec<Option<u64>> {
    let (mut types, mut ids, mut sequences) = (vec![], vec![], vec![]);
    for (aggregate_type, aggregate_id, sequence) in events {
        types.push(aggregate_type);
        ids.push(aggregate_id);
        sequences.push(sequence.cast_signed());
    }
    // each by itself, so that it is looked up in the index however many there are
    let sql = "select (select position
                       from journal.log
                       where aggregate_type = event.aggregate_type and aggregate_id = event.aggregate_id and sequence = event.sequence)
               from unnest($1::text[], $2::uuid[], $3::bigint[]) with ordinality as event (aggregate_type, aggregate_id, sequence, number)
               order by number";
    let looked = sqlx::query_scalar::<_, Option<i64>>(sql).bind(types).bind(ids).bind(sequences).fetch_all(&pool);
    let positions = timeout(LONGEST_LOOK, looked).await.ok().and_then(Result::ok).unwrap_or_default();
    positions.into_iter().map(|position| position.map(i64::cast_unsigned)).collect()
}
