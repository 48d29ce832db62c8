//! How far is everything, as the database shows it to every process alike?

use anamnesis_domain::Aggregate as _;
use anamnesis_domain::system::{CANARY, System};
use anamnesis_journal::log::LogError;
use anamnesis_projector::reactor::outbox;

use super::gauges::Gauges;
use crate::installation::Installation;
use crate::standing::standings;

const POSITION: &str = "The last position in the log";
const GAP: &str = "Positions that are missing between what the tree has found dense and the head of the log: 0, or something is lost";
const DENSE: &str = "Up to here the tree has every entry";
const LEASE_HELD: &str = "Whether anybody holds the lease";
const LEASE_EPOCH: &str = "The number of the lease: it rises when the leader changes";
const PUBLISHED: &str = "Up to here everything is in Kafka";
const VERIFIED: &str = "Up to here Kafka's copy was compared with the log, and signed for";
const FINDINGS: &str = "In how many places Kafka's copy wasn't the log when they were last compared";
const CHECKPOINT: &str = "The checkpoint of a projection in a partition; 0 is the log itself";
const REACHED: &str = "Up to here all rows of a projection reflect the log";
const LAG_EVENTS: &str = "How many events a projection is behind the log";
const LAG_SECONDS: &str = "For how long the first of them has been in the log";
const PARKED: &str = "Streams that wait behind an event that a projection can't take";
const STANDS_STILL: &str = "Whether a projection waits as a whole before such an event";
const REACTOR_LAG: &str = "How many events a reactor hasn't looked at";
const EFFECTS: &str = "Effects that are still to be had outside, and those that were given up";
const CANARY_AGE: &str = "How old the last canary is that came through to all projections";

/// The log and its copies.
#[derive(sqlx::FromRow)]
struct Log {
    position: i64,
    epoch: i64,
    is_led: bool,
    dense: i64,
    missing: i64,
    published: i64,
    publication_epoch: i64,
    is_published: bool,
    verified: Option<i64>,
    findings: Option<i32>,
}

/// Looks, in a few statements that read a few rows each.
pub(super) async fn tell(installation: &Installation, gauges: &mut Gauges) -> sqlx::Result<()> {
    let log: Log = sqlx::query_as(include_str!("journal.sql")).fetch_one(&installation.writer).await?;
    log.tell(gauges);
    let reached = projections(installation, &log, gauges).await?;
    let since = installation.log.since_last_of(System::TYPE, CANARY, reached).await.map_err(database)?;
    if let Some(since) = since {
        gauges.set("anamnesis_canary_age_seconds", CANARY_AGE, [], since.as_secs_f64());
    }
    for reactor in outbox::list(&installation.writer).await? {
        let name = ("reactor", &*reactor.reactor);
        gauges.set_position("anamnesis_reactor_lag_events", REACTOR_LAG, [name], reactor.behind.max(0));
        for (state, effects) in [("waiting", reactor.waiting), ("given_up", reactor.given_up)] {
            gauges.set_position("anamnesis_reactor_effects", EFFECTS, [name, ("state", state)], effects);
        }
    }
    let checkpoints = "select consumer, partition, position from journal.checkpoints where consumer = any($1)";
    let checkpoints: Vec<(String, i32, i64)> =
        sqlx::query_as(checkpoints).bind(anamnesis_projections::names()).fetch_all(&installation.reader).await?;
    for (name, partition, position) in checkpoints {
        let labels = [("projection", &*name), ("partition", &*partition.to_string())];
        gauges.set_position("anamnesis_projection_position", CHECKPOINT, labels, position);
    }
    Ok(())
}

impl Log {
    fn tell(&self, gauges: &mut Gauges) {
        gauges.set_position("anamnesis_log_position", POSITION, [], self.position);
        gauges.set_position("anamnesis_log_verified_position", DENSE, [], self.dense);
        gauges.set_position("anamnesis_log_gap", GAP, [], self.missing);
        gauges.set_position("anamnesis_publication_position", PUBLISHED, [], self.published);
        gauges.set_position("anamnesis_publication_verified_position", VERIFIED, [], self.verified.unwrap_or_default());
        gauges.set("anamnesis_publication_findings", FINDINGS, [], self.findings.unwrap_or_default());
        for (lease, is_held, epoch) in [("log", self.is_led, self.epoch), ("publication", self.is_published, self.publication_epoch)] {
            gauges.set("anamnesis_lease_held", LEASE_HELD, [("lease", lease)], u8::from(is_held));
            gauges.set_position("anamnesis_lease_epoch", LEASE_EPOCH, [("lease", lease)], epoch);
        }
    }
}

/// How far all of them are.
async fn projections(installation: &Installation, log: &Log, gauges: &mut Gauges) -> sqlx::Result<u64> {
    let projections = standings(&installation.writer).await?;
    let positions: Vec<_> = projections.iter().map(|projection| projection.position.cast_unsigned()).collect();
    let since = installation.log.waiting_since(&positions).await.map_err(database)?;
    for (projection, since) in projections.iter().zip(since) {
        let labels = [("projection", &*projection.name)];
        gauges.set_position("anamnesis_projection_reached_position", REACHED, labels, projection.position);
        gauges.set_position("anamnesis_projection_lag_events", LAG_EVENTS, labels, (log.position - projection.position).max(0));
        gauges.set("anamnesis_projection_lag_seconds", LAG_SECONDS, labels, since.unwrap_or_default().as_secs_f64());
        gauges.set_position("anamnesis_projection_parked_streams", PARKED, labels, projection.parked);
        gauges.set("anamnesis_projection_stands_still", STANDS_STILL, labels, u8::from(projection.stands_still));
    }
    Ok(positions.into_iter().min().unwrap_or_default())
}

fn database(error: LogError) -> sqlx::Error {
    match error {
        LogError::Database(error) => error,
        other @ (LogError::Gap { .. } | LogError::StreamGap { .. } | LogError::Altered { .. }) => sqlx::Error::Protocol(other.to_string()),
    }
}
