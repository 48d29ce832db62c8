//! How far are projections that any process may run?
//!
//! The checkpoints tell how far they are, `journal.projectors` who works on them. Somebody who waits for a position has
//! them looked at every few milliseconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anamnesis_loops::Pulse;
use anamnesis_projections::kernel::Projection;
use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::progress::{Interest, Progress, ProjectionState, States, Status, followed};
use crate::rate::Rates;

/// How often it looks while somebody waits, and while nobody does.
const LOOK_WHILE_WAITED_FOR: Duration = Duration::from_millis(5);
const LOOK_AT_REST: Duration = Duration::from_millis(500);

/// Watches projections through the database.
#[derive(Debug)]
pub struct Watcher {
    pool: PgPool,
    silence: Duration,
    /// The partitions that each follows.
    followed: BTreeMap<&'static str, Vec<u32>>,
    states: watch::Sender<States>,
    interest: Arc<Interest>,
    rates: Arc<Rates>,
    pulse: Pulse,
}

/// A checkpoint, and what is said of it.
#[derive(sqlx::FromRow)]
struct Seen {
    consumer: String,
    partition: i32,
    position: i64,
    reached: i64,
    parked: i64,
    status: Option<String>,
    problem: Option<String>,
    is_present: bool,
}

impl Watcher {
    /// A watcher over a pool of the role `anamnesis_reader`. `from_kafka`: projections that follow topics read them there.
    /// Who hasn't said for `silence` that they work on one is taken for dead.
    pub fn new(pool: PgPool, projections: &[&'static Projection], from_kafka: bool, silence: Duration) -> Self {
        let followed: BTreeMap<_, _> = projections.iter().map(|projection| (projection.name, followed(projection, from_kafka))).collect();
        let states = followed.iter().map(|(name, partitions)| (*name, state(partitions, &HashMap::new()))).collect();
        Self { pool, silence, followed, states: watch::Sender::new(states), interest: Arc::default(), rates: Arc::default(), pulse: Pulse::default() }
    }

    /// It beats this pulse as it looks.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// What it sees.
    pub fn progress(&self) -> Progress {
        Progress::new(self.states.subscribe(), Arc::clone(&self.interest), Arc::clone(&self.rates))
    }

    /// Watches until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            self.pulse.beat();
            match self.look().await {
                Ok(seen) => {
                    self.rates.saw(&seen, Instant::now());
                    self.states.send_if_modified(|states| {
                        let is_new = *states != seen;
                        *states = seen;
                        is_new
                    });
                }
                Err(error) => {
                    debug!(%error, "how far the projections are can't be seen");
                    let waiting = Status::Waiting { error: "the database doesn't answer".to_owned() };
                    self.states.send_modify(|states| states.values_mut().for_each(|state| state.status = waiting.clone()));
                }
            }
            if self.interest.is_there() {
                sleep(LOOK_WHILE_WAITED_FOR).await;
            } else {
                tokio::select! {
                    () = sleep(LOOK_AT_REST) => {}
                    () = self.interest.begins() => {}
                    () = shutdown.cancelled() => {}
                }
            }
            if shutdown.is_cancelled() {
                return;
            }
        }
    }

    async fn look(&self) -> sqlx::Result<States> {
        let rows: Vec<Seen> = sqlx::query_as(
            "select own.consumer, own.partition, own.position, reached.position as reached, coalesce(parked.streams, 0) as parked,
                    told.status, told.problem,
                    coalesce(told.seen_at > clock_timestamp() - $2, false) as is_present
             from journal.checkpoints as own
             join journal.reached using (consumer)
             left join journal.projectors as told using (consumer, partition)
             left join (select consumer, count(*) as streams from journal.parked group by consumer) as parked using (consumer)
             where own.consumer = any($1)",
        )
        .bind(self.followed.keys().copied().collect::<Vec<_>>())
        .bind(PgInterval::try_from(self.silence).map_err(sqlx::Error::Encode)?)
        .fetch_all(&self.pool)
        .await?;
        let mut seen: HashMap<String, HashMap<u32, Seen>> = HashMap::new();
        for row in rows {
            seen.entry(row.consumer.clone()).or_default().insert(row.partition.cast_unsigned(), row);
        }
        let none = HashMap::new();
        Ok(self.followed.iter().map(|(name, partitions)| (*name, state(partitions, seen.get(*name).unwrap_or(&none)))).collect())
    }
}

fn state(partitions: &[u32], seen: &HashMap<u32, Seen>) -> ProjectionState {
    let position = seen.values().map(|row| row.reached.cast_unsigned()).max().unwrap_or_default();
    let checkpoint = |partition: &u32| (*partition, seen.get(partition).map_or(0, |row| row.position.cast_unsigned()));
    let status = partitions.iter().map(|partition| status(*partition, seen.get(partition))).max_by_key(severity).unwrap_or(Status::Starting);
    let parked = seen.values().map(|row| usize::try_from(row.parked).unwrap_or_default()).max().unwrap_or_default();
    ProjectionState { position, partitions: partitions.iter().map(checkpoint).collect(), parked, status }
}

fn status(partition: u32, seen: Option<&Seen>) -> Status {
    let Some(Seen { status: Some(status), problem, is_present, .. }) = seen else { return Status::Starting };
    let error = || problem.clone().unwrap_or_default();
    match status.as_str() {
        // that holds until somebody begins anew
        "stopped" => Status::Stopped { error: error() },
        _ if !is_present => Status::Waiting { error: format!("nobody works on its partition {partition}") },
        "waiting" => Status::Waiting { error: error() },
        _ => Status::Running,
    }
}

/// What is worst of one partition holds for the whole.
fn severity(status: &Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::StandingBy => 1,
        Status::Starting => 2,
        Status::Waiting { .. } => 3,
        Status::Stopped { .. } => 4,
    }
}
