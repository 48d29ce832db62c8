//! How much of Kafka's speed is left when every event is chained, checked and published exactly once?
//!
//! Both sides send as many records of the same size, acknowledged by all copies, into topics of their own. Ours reads them from the log, and
//! begins to be measured when it has found out that there is nothing in the topics yet.

use std::time::{Duration, Instant};

use anamnesis_journal::Role;
use anamnesis_journal::log::Log;
use anamnesis_journal::pool_as;
use anamnesis_stream::{KafkaSettings, Publisher, PublisherSettings, PublisherState};
use anyhow::{Context as _, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::Bench;
use crate::patients;
use crate::server::{Installation, Server};

const OURS: &str = "the log, by the publisher";
const BARE: &str = "records of the same size, by the bare client";
/// What a record has around its sealed parts.
const ENVELOPE_BYTES: i64 = 400;
/// Partitions of the bare side's topic.
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_mins(2);

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize, events: u32) -> Result<()> {
    let installation = &Installation::new(server).await?;
    patients::write(installation, events).await?;
    let kafka = &settings()?;
    let size = &record_bytes(installation).await?;
    let bench = Bench::new("publish", "events/s", server, rounds)?
        .side(OURS, || publish(installation, kafka))
        .side(BARE, || send(installation, kafka, *size));
    let mut report = bench.run().await?;
    report.note("record_bytes", (*size).into());
    report.ratio_at_least("ratio_publish", OURS, BARE, 0.7)?;
    report.write()
}

pub(crate) fn settings() -> Result<KafkaSettings> {
    let variable = |name| std::env::var(name).with_context(|| format!("{name} must say where Kafka and the schema registry are"));
    Ok(KafkaSettings {
        brokers: variable("ANAMNESIS_TEST_KAFKA_BROKERS")?,
        schema_registry_url: variable("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL")?,
        replication_factor: 1,
        ..KafkaSettings::default()
    })
}

async fn record_bytes(installation: &Installation) -> Result<i64> {
    let pool = installation.database.superuser(1).await?;
    let sql = "select avg(octet_length(payload) + octet_length(metadata))::bigint from journal.events";
    let sealed: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await?;
    Ok(sealed + ENVELOPE_BYTES)
}

/// The whole log into topics that are made for it.
async fn publish(installation: &Installation, kafka: &KafkaSettings) -> Result<f64> {
    let kafka = of_its_own(kafka);
    let rate = publish_into(installation, &kafka).await?;
    delete_all(&kafka).await?;
    Ok(rate)
}

/// The same Kafka, with topics that nobody else has.
pub(crate) fn of_its_own(kafka: &KafkaSettings) -> KafkaSettings {
    KafkaSettings { topic_prefix: format!("bench-{}-", Uuid::now_v7().simple()), ..kafka.clone() }
}

/// Publishes the whole log; events a second.
pub(crate) async fn publish_into(installation: &Installation, kafka: &KafkaSettings) -> Result<f64> {
    let pool = pool_as(&installation.database.url(), Role::Writer, 4)?;
    let log = Log::new(pool.clone());
    let head = log.head().await?.position;
    let publisher = Publisher::new(pool, log, kafka.clone(), PublisherSettings::default());
    let (handle, shutdown) = (publisher.handle(), CancellationToken::new());
    let running = tokio::spawn(publisher.run(shutdown.clone()));
    while handle.health().state != PublisherState::Publishing {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    let arrived = handle.published(head, PATIENCE).await;
    let took = began.elapsed();
    shutdown.cancel();
    running.await?;
    ensure!(arrived, "the log isn't published: {:?}", handle.health().problem);
    Ok(as_f64(head) / took.as_secs_f64())
}

/// Deletes the topics that are its own.
pub(crate) async fn delete_all(kafka: &KafkaSettings) -> Result<()> {
    let topics = anamnesis_stream::EVENT_TOPICS.map(|topic| format!("{}{}", kafka.topic_prefix, topic.name()));
    delete(kafka, &topics).await
}

/// As many records as the log has events.
async fn send(installation: &Installation, kafka: &KafkaSettings, size: i64) -> Result<f64> {
    let pool = pool_as(&installation.database.url(), Role::Writer, 1)?;
    let count = Log::new(pool).head().await?.position;
    let topic = new_topic(kafka, PARTITIONS).await?;
    let (config, name) = (client(kafka), topic.clone());
    let took = tokio::task::spawn_blocking(move || send_all(&config, &name, count, size)).await??;
    delete(kafka, &[topic]).await?;
    Ok(as_f64(count) / took.as_secs_f64())
}

fn send_all(config: &ClientConfig, topic: &str, count: u64, size: i64) -> Result<Duration> {
    let producer: BaseProducer = config.clone().set("enable.idempotence", "true").set("acks", "all").create()?;
    producer.client().fetch_metadata(Some(topic), PATIENCE)?;
    // as little can be pressed out of it as out of what is sealed
    let payload: Vec<u8> = (0..size).flat_map(|_| *Uuid::new_v4().as_bytes()).take(usize::try_from(size)?).collect();
    let began = Instant::now();
    for number in 0..count {
        let (key, partition) = (Uuid::now_v7().to_string(), i32::try_from(number % 6)?);
        let mut record = BaseRecord::to(topic).partition(partition).key(&key).payload(&payload);
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            producer.poll(Duration::from_millis(1));
        }
    }
    producer.flush(PATIENCE)?;
    Ok(began.elapsed())
}

pub(crate) fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

/// The name of a topic that is made for this.
pub(crate) async fn new_topic(kafka: &KafkaSettings, partitions: i32) -> Result<String> {
    let topic = format!("bench-{}", Uuid::now_v7().simple());
    let admin: AdminClient<DefaultClientContext> = client(kafka).create()?;
    admin.create_topics(&[NewTopic::new(&topic, partitions, TopicReplication::Fixed(1))], &AdminOptions::new()).await?;
    Ok(topic)
}

pub(crate) async fn delete(kafka: &KafkaSettings, topics: &[String]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(kafka).create()?;
    let names: Vec<_> = topics.iter().map(String::as_str).collect();
    admin.delete_topics(&names, &AdminOptions::new()).await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "fewer events than an f64 counts exactly")]
pub(crate) fn as_f64(events: u64) -> f64 {
    events as f64
}
