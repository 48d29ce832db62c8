//! How long after a command's answer does its row stand in the read model, on the way through Kafka?
//!
//! Compared with what Kafka itself needs for one record from a producer to a consumer. Both sides do one after another, on
//! a system that is otherwise at rest.

use std::time::{Duration, Instant};

use anamnesis_domain::patient::Patient;
use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::{Sequencer, SequencerHandle, SequencerSettings};
use anamnesis_journal::{Role, pool_as};
use anamnesis_projections::ALL;
use anamnesis_projector::{ProjectorSettings, Workers, ensure_schema};
use anamnesis_stream::{KafkaSettings, Publisher, PublisherSettings};
use anyhow::{Result, bail, ensure};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sqlx::PgPool;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::harness::{Bench, median};
use crate::publish::{client, delete, new_topic, settings};
use crate::sealed::{again, clerk};
use crate::server::{Installation, Server, open_vault};
use crate::stories::Stories;

const OURS: &str = "from a command's answer to its row";
const BARE: &str = "from a producer to a consumer";
/// So many in a round, of which the median counts.
const IN_A_ROUND: usize = 60;
/// How often it is looked whether the row is there.
const LOOK_EVERY: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_mins(1);

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let kafka = KafkaSettings { topic_prefix: format!("bench-{}-", Uuid::now_v7().simple()), ..settings()? };
    let (system, stories) = (&System::start(server, &kafka).await?, &Stories::new()?);
    let bench = Bench::new("latency", "µs", server, rounds)?.side(OURS, || system.round(stories)).side(BARE, || round_trips(&kafka));
    let mut report = bench.run().await?;
    report.ratio_at_most("ratio_round_trip", OURS, BARE, 5.0)?;
    report.write()
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

    async fn round(&self, stories: &Stories) -> Result<f64> {
        let mut took = Vec::with_capacity(IN_A_ROUND);
        for _ in 0..IN_A_ROUND {
            took.push(self.one(stories).await?);
        }
        Ok(median_us(&took))
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
async fn round_trips(kafka: &KafkaSettings) -> Result<f64> {
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
    Ok(median_us(&took))
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

fn median_us(took: &[Duration]) -> f64 {
    let mut us: Vec<_> = took.iter().map(|took| took.as_secs_f64() * 1e6).collect();
    us.sort_by(f64::total_cmp);
    median(&us)
}
