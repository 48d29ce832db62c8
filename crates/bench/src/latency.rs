//! How long after a command's answer does its row stand in the read model, on the way through Kafka?
//!
//! Compared with what Kafka itself needs for one record from a producer to a consumer, which is alone. Ours is measured on a system that is
//! otherwise at rest, and on one that others give a quarter of the commands that its journal can take.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anamnesis_domain::patient::Patient;
use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::{Sequencer, SequencerHandle, SequencerSettings};
use anamnesis_journal::{Role, pool_as};
use anamnesis_projections::ALL;
use anamnesis_projector::{ProjectorSettings, Workers, ensure_schema};
use anamnesis_stream::{KafkaSettings, Publisher, PublisherSettings};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::harness::{Bench, median};
use crate::publish::{client, delete, new_topic, of_its_own, settings};
use crate::sealed::{SealedJournal, again, clerk, register};
use crate::server::{Installation, Server, open_vault};
use crate::stories::Stories;

const OURS: &str = "from a command's answer to its row";
const OURS_LOADED: &str = "from a command's answer to its row, under load";
const BARE: &str = "from a producer to a consumer";
/// The part of what the journal can take that others give meanwhile…
const LOAD: f64 = 0.25;
/// …in portions of so long.
const PORTION: Duration = Duration::from_millis(5);
/// With so many commands under way, about a second of that load, it isn't that load any more.
const MOST_BEHIND: usize = 5_000;
/// How many callers the journal has while it is found out what it can take.
const CALLERS: usize = 64;
/// So many in a round, of which the median counts.
const IN_A_ROUND: usize = 60;
/// How often it is looked whether the row is there.
const LOOK_EVERY: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_mins(1);

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let kafka = of_its_own(&settings()?);
    let (system, stories) = (&System::start(server, &kafka).await?, &Stories::new()?);
    let rate = LOAD * SealedJournal::new(server).await?.register(CALLERS).await?;
    let (ours, loaded, bare) = (RefCell::default(), RefCell::default(), RefCell::default());
    let bench = Bench::new("latency", "µs", server, rounds)?
        .side(OURS, || async { Ok(median_us(&ours, &system.round(stories).await?)) })
        .side(OURS_LOADED, || async { Ok(median_us(&loaded, &system.round_under_load(stories, rate).await?)) })
        .side(BARE, || async { Ok(median_us(&bare, &round_trips(&kafka).await?)) });
    let mut report = bench.run().await?;
    report.ratio_at_most("ratio_round_trip", OURS, BARE, 5.0)?;
    println!("  under load: {rate:.0} commands/s, {LOAD} of what the journal took alone");
    for (name, side, took, percent, most) in [
        ("p50", OURS, &ours, 50, None),
        ("p99", OURS, &ours, 99, None),
        ("loaded_p50", OURS_LOADED, &loaded, 50, Some(3.0)),
        ("loaded_p99", OURS_LOADED, &loaded, 99, Some(5.0)),
    ] {
        let [took, bare] = [took, &bare].map(|took| percentile(&counted(took), percent).unwrap_or(f64::NAN));
        let (ratio, limit) = (took / bare, most.map_or(String::new(), |most| format!(" (may be {most})")));
        println!("  p{percent}: {took:.0} µs {side}, {bare:.0} µs {BARE}: {ratio:.2} times{limit}");
        report.note(name, json!({ "ours_us": took, "bare_us": bare, "ratio": ratio, "at_most": most }));
    }
    report.note("load_commands_a_second", rate.into());
    report.write()
}

/// The µs of all rounds of a side but its first, which doesn't count.
fn counted(took: &RefCell<Vec<f64>>) -> Vec<f64> {
    let mut counted = took.borrow().get(IN_A_ROUND..).unwrap_or_default().to_vec();
    counted.sort_by(f64::total_cmp);
    counted
}

/// The lowest that so many in a hundred aren't above.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// All roles but the edge, in this process.
struct System {
    installation: Installation,
    sequencing: SequencerHandle,
    rows: PgPool,
    _running: DropGuard,
}

impl System {
    async fn start(server: &Server, kafka: &KafkaSettings) -> Result<Self> {
        let installation = Installation::new(server).await?;
        let (rows, url) = (installation.database.superuser(2).await?, installation.database.url());
        ensure_schema(&rows, ALL).await?;
        let [writer, projector] = [Role::Writer, Role::Projector].map(|role| pool_as(&url, role, 10));
        let (writer, projector) = (writer?, projector?);
        let (running, log) = (CancellationToken::new(), Log::new(writer.clone()));
        let sequencer = Sequencer::new(writer.clone(), SequencerSettings::default());
        let sequencing = sequencer.handle();
        tokio::spawn(sequencer.run(running.clone()));
        tokio::spawn(Publisher::new(writer.clone(), log.clone(), kafka.clone(), PublisherSettings::default()).run(running.clone()));
        let vault = open_vault(writer, installation.keyring.path()).await?;
        let workers = Workers::new(projector, vault, log, ALL, ProjectorSettings::default()).from_kafka(kafka.clone(), "bench");
        tokio::spawn(workers.run(running.clone()));
        Ok(Self { installation, sequencing, rows, _running: running.drop_guard() })
    }

    async fn round(&self, stories: &Stories) -> Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(IN_A_ROUND);
        for _ in 0..IN_A_ROUND {
            took.push(self.one(stories).await?);
        }
        Ok(took)
    }

    /// While others register patients at that rate.
    async fn round_under_load(&self, stories: &Stories, rate: f64) -> Result<Vec<Duration>> {
        let (journal, stories_of_others, caller) = (self.installation.journal.clone(), stories.clone(), Arc::new(clerk()));
        let mut others = JoinSet::new();
        others.spawn(async move {
            let (mut portions, mut due, mut commands) = (interval(PORTION), 0.0, JoinSet::new());
            loop {
                portions.tick().await;
                due += rate * PORTION.as_secs_f64();
                while due >= 1.0 {
                    due -= 1.0;
                    let (journal, stories, caller) = (journal.clone(), stories_of_others.clone(), Arc::clone(&caller));
                    commands.spawn(async move { register(&journal, &stories, &caller, Uuid::now_v7()).await });
                }
                while let Some(done) = commands.try_join_next() {
                    if let Err(error) = done.context("a command of the others").flatten() {
                        return error;
                    }
                }
                if commands.len() > MOST_BEHIND {
                    return anyhow!("the journal can't take {rate:.0} commands/s beside all else");
                }
            }
        });
        tokio::select! {
            round = self.round(stories) => round,
            Some(stopped) = others.join_next() => Err(stopped.unwrap_or_else(Into::into)),
        }
    }

    async fn one(&self, stories: &Stories) -> Result<Duration> {
        let patient = Uuid::now_v7();
        self.installation.journal.create::<Patient>(patient, stories.register(patient)?, &again(&clerk())).await?;
        let answered = Instant::now();
        // as the edge does
        self.sequencing.wake();
        let there = "select exists (select from read.patients where patient_id = $1)";
        while !sqlx::query_scalar::<_, bool>(there).bind(patient).fetch_one(&self.rows).await? {
            if answered.elapsed() > PATIENCE {
                bail!("the row doesn't come");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(answered.elapsed())
    }
}

/// One record after another, each sent when the one before has arrived.
async fn round_trips(kafka: &KafkaSettings) -> Result<Vec<Duration>> {
    let (topic, config) = (new_topic(kafka, 1).await?, client(kafka));
    let name = topic.clone();
    let took = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.clone().set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "0").create()?;
        producer.client().fetch_metadata(Some(&name), PATIENCE)?;
        let consumer: BaseConsumer = config.clone().set("group.id", "bench").set("fetch.wait.max.ms", "500").create()?;
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&name, 0, Offset::Beginning)?;
        consumer.assign(&from)?;
        // the first also finds out who leads the partition
        round_trip(&producer, &consumer, &name)?;
        (0..IN_A_ROUND).map(|_| round_trip(&producer, &consumer, &name)).collect::<Result<Vec<_>>>()
    })
    .await??;
    delete(kafka, &[topic]).await?;
    Ok(took)
}

fn round_trip(producer: &BaseProducer, consumer: &BaseConsumer, topic: &str) -> Result<Duration> {
    let (began, key) = (Instant::now(), Uuid::now_v7().to_string());
    producer.send(BaseRecord::to(topic).partition(0).key(&key).payload(&[7; 1_000])).map_err(|(error, _)| error)?;
    producer.poll(Duration::ZERO);
    // it answers nothing as well when something else has happened
    while consumer.poll(PATIENCE).transpose()?.is_none() {
        ensure!(began.elapsed() < PATIENCE, "the record doesn't come");
    }
    let took = began.elapsed();
    producer.flush(PATIENCE)?;
    Ok(took)
}

/// Of one round, which is remembered.
fn median_us(all: &RefCell<Vec<f64>>, round: &[Duration]) -> f64 {
    let mut us: Vec<_> = round.iter().map(|took| took.as_secs_f64() * 1e6).collect();
    all.borrow_mut().extend(&us);
    us.sort_by(f64::total_cmp);
    median(&us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_lowest_that_so_many_are_not_above() {
        let hundred: Vec<_> = (1..=100).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&hundred, percent)), [50, 99, 100].map(Some));
        assert_eq!([50, 99].map(|percent| percentile(&[3, 7], percent)), [3, 7].map(Some));
    }

    #[test]
    fn the_first_round_does_not_count() {
        let (all, second) = (RefCell::default(), [Duration::from_micros(5); IN_A_ROUND]);
        median_us(&all, &[Duration::from_secs(1); IN_A_ROUND]);
        assert_eq!((median_us(&all, &second), counted(&all)), (5.0, vec![5.0; IN_A_ROUND]));
    }
}
