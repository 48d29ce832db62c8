//! Which moment is meant by the time that was written?

use anamnesis_domain::{Instant, TimeZone, WrittenTime};

use crate::edge::Problem;

/// The moment. A time without an offset needs the zone in whose clocks it is read.
pub(super) fn moment(scheduled_at: WrittenTime, zone: Option<TimeZone>) -> Result<Instant, Problem> {
    match (scheduled_at, zone) {
        (WrittenTime::Moment(moment), _) => Ok(moment),
        (WrittenTime::Local(_), None) => Err(Problem::field("time_zone", "must be given, for scheduled_at has no offset")),
        (WrittenTime::Local(time), Some(zone)) => {
            zone.moment(time).map_err(|error| Problem::field("scheduled_at", error.to_string()).with_rule("no_such_local_time"))
        }
    }
}
