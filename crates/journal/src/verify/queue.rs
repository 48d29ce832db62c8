//! Is what waits for its position what was written?

use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgRow;
use sqlx::{FromRow as _, Row as _};
use uuid::Uuid;

use super::entries::EventRow;
use super::{Finding, Findings};

/// Goes through the queue; how many events are in it.
pub(super) async fn check(pool: &PgPool, findings: &mut Findings) -> sqlx::Result<u64> {
    let mut rows = sqlx::query(include_str!("events_of_queue.sql")).fetch(pool);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        if let Some(what) = problem(&row)? {
            let stream = Some((row.try_get("queue_type")?, row.try_get::<Uuid, _>("queue_id")?));
            let sequence = Some(row.try_get::<i64, _>("queue_sequence")?.cast_unsigned());
            findings.add(Finding { position: None, stream, sequence, what: what.to_owned() });
        }
    }
    Ok(count)
}

fn problem(row: &PgRow) -> sqlx::Result<Option<&'static str>> {
    if row.try_get::<Option<Uuid>, _>("event_id")?.is_none() {
        return Ok(Some("it waits in the queue, but its event is gone"));
    }
    let same: bool = row.try_get("same")?;
    let problem = match (EventRow::from_row(row)?.fits_its_hash(), same) {
        (false, _) => Some("the event was altered: its columns don't fit its row hash"),
        (true, false) => Some("the queue says something else of it than its row"),
        (true, true) => None,
    };
    Ok(problem)
}
