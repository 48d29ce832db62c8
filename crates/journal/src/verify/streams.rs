//! Is there an event that the log doesn't know, or one missing in its stream?

use sqlx::PgPool;
use uuid::Uuid;

use super::{Finding, Findings};

/// Events in a chunk; only their keys are read.
const CHUNK: i64 = 20_000;

#[derive(Default)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) streams: u64,
}

/// An event's key, and where it is.
#[derive(Clone, sqlx::FromRow)]
struct Place {
    aggregate_type: String,
    aggregate_id: Uuid,
    sequence: i64,
    position: Option<i64>,
    queued: bool,
}

/// Goes through all events by stream: each in the log or in the queue, once, and in order.
pub(super) async fn check(pool: &PgPool, findings: &mut Findings) -> sqlx::Result<Counts> {
    let mut counts = Counts::default();
    let mut last = Place { aggregate_type: String::new(), aggregate_id: Uuid::nil(), sequence: 0, position: None, queued: false };
    loop {
        let places: Vec<Place> = sqlx::query_as(include_str!("places_of_events.sql"))
            .bind(&last.aggregate_type)
            .bind(last.aggregate_id)
            .bind(last.sequence)
            .bind(CHUNK)
            .fetch_all(pool)
            .await?;
        if places.is_empty() {
            return Ok(counts);
        }
        for place in places {
            if !place.is_of_the_same_stream_as(&last) {
                counts.streams += 1;
            }
            counts.events += 1;
            place.problems_after(&last).into_iter().for_each(|what| findings.add(place.finding(what)));
            last = place;
        }
    }
}

impl Place {
    fn is_of_the_same_stream_as(&self, other: &Self) -> bool {
        self.aggregate_id == other.aggregate_id && self.aggregate_type == other.aggregate_type
    }

    fn problems_after(&self, last: &Self) -> Vec<String> {
        let mut problems = vec![];
        let (before, before_at) = if self.is_of_the_same_stream_as(last) { (last.sequence, last.position) } else { (0, None) };
        if self.sequence == before {
            problems.push("the log or the queue has it twice".to_owned());
        } else if self.sequence != before + 1 {
            problems.push(format!("the stream has no event {} before it", before + 1));
        }
        if self.position.is_some() && self.position < before_at {
            problems.push("the log has it before the event before it".to_owned());
        }
        match (self.position, self.queued) {
            (None, false) => problems.push("it was written beside the journal: the log doesn't know it, and it waits in no queue".to_owned()),
            (Some(_), true) => problems.push("it is in the log and still in the queue".to_owned()),
            (None, true) | (Some(_), false) => {}
        }
        problems
    }

    fn finding(&self, what: String) -> Finding {
        Finding {
            position: self.position.map(i64::cast_unsigned),
            stream: Some((self.aggregate_type.clone(), self.aggregate_id)),
            sequence: Some(self.sequence.cast_unsigned()),
            what,
        }
    }
}
