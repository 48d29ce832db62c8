//! A journal, its sequencer, and topics of its own on the test cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose};
use anamnesis_domain::{PatientId, ProviderId};
use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Journal, Role};
use anamnesis_stream::{KafkaSettings, Publisher, PublisherHandle, PublisherSettings, Topic, TopicPartition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_mins(1);

/// Every topic that a publisher makes.
pub(crate) const TOPICS: [Topic; 7] =
    [Topic::Patient, Topic::Appointment, Topic::Document, Topic::Audit, Topic::Notification, Topic::Ai, Topic::LogHeads];

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) kafka: KafkaSettings,
    /// Sees what isn't committed (yet) as well.
    undecided: BaseConsumer,
    _sequencing: DropGuard,
}

/// How this test's cluster is reached, with topics that are nobody else's.
pub(crate) fn kafka_settings() -> KafkaSettings {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} must say where the test's Kafka and registry are"));
    KafkaSettings {
        brokers: variable("ANAMNESIS_TEST_KAFKA_BROKERS"),
        schema_registry_url: variable("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL"),
        topic_prefix: format!("t{}-", Uuid::new_v4().simple()),
        replication_factor: 1,
        ..KafkaSettings::default()
    }
}

fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

fn consumer(kafka: &KafkaSettings, isolation: &str) -> BaseConsumer {
    client(kafka)
        .set("group.id", "anybody")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "5")
        .create()
        .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let shutdown = CancellationToken::new();
        tokio::spawn(Sequencer::new(database.pool(Role::Writer), SequencerSettings::default()).run(shutdown.clone()));
        let kafka = kafka_settings();
        let undecided = consumer(&kafka, "read_uncommitted");
        Self { database, kafka, undecided, _sequencing: shutdown.drop_guard() }
    }

    pub(crate) fn log(&self) -> Log {
        Log::new(self.database.pool(Role::Projector))
    }

    /// A publisher that runs until the returned guard is dropped.
    pub(crate) fn publish(&self) -> (PublisherHandle, DropGuard) {
        let (pool, shutdown) = (self.database.pool(Role::Writer), CancellationToken::new());
        let publisher = Publisher::new(pool.clone(), Log::new(pool), self.kafka.clone(), settings());
        let handle = publisher.handle();
        tokio::spawn(publisher.run(shutdown.clone()));
        (handle, shutdown.drop_guard())
    }

    /// Publishes what is in the log, and stops again.
    pub(crate) async fn publish_all(&self) {
        let head = self.log().head().await.unwrap().position;
        let (publisher, publishing) = self.publish();
        assert!(publisher.published(head, SOON).await, "{:?}", publisher.health());
        drop(publishing);
        self.wait_until_released().await;
    }

    async fn wait_until_released(&self) {
        let pool = self.database.pool(Role::Writer);
        let free = "select expires_at < clock_timestamp() from journal.publisher";
        while !sqlx::query_scalar::<_, bool>(free).fetch_one(&pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Appends so many events to streams of their own, on several topics, and waits until they have positions.
    pub(crate) async fn append(&self, events: usize) {
        let journal = self.database.journal().await;
        let before = self.log().head().await.unwrap().position;
        append(&journal, events).await;
        assert!(self.log().wait_for(before + events as u64, SOON).await.is_some());
    }

    /// What any consumer finds in our topics, partition by partition.
    pub(crate) fn records(&self) -> BTreeMap<TopicPartition, Vec<OwnedMessage>> {
        let consumer = consumer(&self.kafka, "read_committed");
        TopicPartition::all().map(|partition| (partition, self.read(&consumer, partition))).filter(|(_, records)| !records.is_empty()).collect()
    }

    pub(crate) fn records_of(&self, partition: TopicPartition) -> Vec<OwnedMessage> {
        self.read(&consumer(&self.kafka, "read_committed"), partition)
    }

    fn read(&self, consumer: &BaseConsumer, partition: TopicPartition) -> Vec<OwnedMessage> {
        let name = format!("{}{}", self.kafka.topic_prefix, partition.topic.name());
        let (low, high) = self.settled(consumer, &name, i32::try_from(partition.index).unwrap());
        if low == high {
            return vec![];
        }
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&name, i32::try_from(partition.index).unwrap(), Offset::Offset(low)).unwrap();
        consumer.assign(&from).unwrap();
        let (mut records, deadline) = (vec![], Instant::now() + SOON);
        loop {
            // it answers nothing as well when something else has happened
            let Some(next) = consumer.poll(Duration::from_secs(1)) else {
                assert!(Instant::now() < deadline, "Kafka answers");
                continue;
            };
            match next {
                Ok(message) if message.topic() == name && message.partition() == i32::try_from(partition.index).unwrap() => {
                    records.push(message.detach());
                }
                Err(KafkaError::PartitionEOF(index)) if index == i32::try_from(partition.index).unwrap() => return records,
                // what a partition before this one left behind
                Ok(_) | Err(KafkaError::PartitionEOF(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Where a partition begins and ends once whatever was written to it is committed or aborted: Kafka answers a commit before
    /// it marks the records.
    fn settled(&self, consumer: &BaseConsumer, name: &str, partition: i32) -> (i64, i64) {
        // a topic that has just been made isn't known everywhere yet
        let watermarks = |consumer: &BaseConsumer| consumer.fetch_watermarks(name, partition, SOON).unwrap_or_default();
        let ((_, written), deadline) = (watermarks(&self.undecided), Instant::now() + SOON);
        loop {
            let (low, high) = watermarks(consumer);
            if high >= written {
                return (low, high);
            }
            assert!(Instant::now() < deadline, "transactions end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every position in Kafka exactly once, and those of each partition in order, each naming the one before it.
    pub(crate) fn assert_each_once_and_in_order(&self, up_to: u64) {
        let mut positions = vec![];
        for (partition, records) in self.records() {
            let mut previous = 0;
            for record in &records {
                assert_eq!(header(record, "previous-position").parse::<u64>().unwrap(), previous, "{partition}");
                previous = header(record, "position").parse().unwrap();
                positions.push(previous);
            }
            assert!(records.is_sorted_by_key(|record| header(record, "position").parse::<u64>().unwrap()), "{partition}");
        }
        positions.sort_unstable();
        assert_eq!(positions, (1..=up_to).collect::<Vec<_>>());
    }

    /// Writes records as somebody else would, past every publisher.
    pub(crate) fn write(&self, records: &[OwnedMessage]) {
        let producer: BaseProducer = self.client().create().unwrap();
        for record in records {
            let mut copy = BaseRecord::to(record.topic()).partition(record.partition());
            copy = copy.key(record.key().unwrap_or_default()).payload(record.payload().unwrap_or_default());
            copy = copy.timestamp(record.timestamp().to_millis().unwrap());
            producer.send(copy.headers(record.headers().unwrap().clone())).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(SOON).unwrap();
    }

    fn client(&self) -> ClientConfig {
        client(&self.kafka)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let admin: Result<AdminClient<DefaultClientContext>, _> = self.client().create();
        let names: Vec<_> = TOPICS.iter().map(|topic| format!("{}{}", self.kafka.topic_prefix, topic.name())).collect();
        let deleting = std::thread::spawn(move || {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(admin.ok()?.delete_topics(&names, &AdminOptions::new())).ok()
        });
        let _ = deleting.join();
    }
}

pub(crate) fn settings() -> PublisherSettings {
    let (lease, tick) = (Duration::from_secs(2), Duration::from_millis(200));
    PublisherSettings { lease, tick, batch: 50, check_registry_every: Duration::from_millis(500), ..PublisherSettings::default() }
}

pub(crate) fn header<'a>(record: &'a OwnedMessage, name: &str) -> &'a str {
    let headers = record.headers().expect("a record has headers");
    let header = headers.iter().find(|header| header.key == name).unwrap_or_else(|| panic!("no header {name}"));
    std::str::from_utf8(header.value.unwrap()).unwrap()
}

/// Three of four are consents, and so patients' events; the fourth is an account's and belongs to the audit.
pub(crate) async fn append(journal: &Journal, events: usize) {
    let caller = caller();
    for number in 0..events {
        let (id, caller) = (Uuid::now_v7(), caller.again());
        if number % 4 == 3 {
            journal.create::<anamnesis_domain::access::Access>(id, denied(caller.now), &caller).await.unwrap();
        } else {
            journal.create::<Consent>(id, grant(caller.now), &caller).await.unwrap();
        }
    }
}

fn grant(now: anamnesis_domain::Instant) -> ConsentCommand {
    let grantee = Grantee { provider_id: Some(ProviderId(Uuid::now_v7())), facility_id: None };
    let (purposes, categories) = (vec![Purpose::Treatment], vec![DataCategory::All]);
    ConsentCommand::Grant(GrantConsent {
        consent: ConsentGranted { patient_id: PatientId(Uuid::now_v7()), grantee, purposes, categories, granted_at: now, expires_at: None },
        themselves: vec![],
    })
}

fn denied(now: anamnesis_domain::Instant) -> anamnesis_domain::access::AccessCommand {
    use anamnesis_domain::access::{AccessAction, AccessCommand, AccessDenied, AccessKind, AccessMethod};
    AccessCommand::Deny(AccessDenied {
        denied_at: now,
        account_id: None,
        session_id: None,
        kind: AccessKind::View,
        action: AccessAction::Read,
        patient_ids: vec![],
        resource_type: "patient".try_into().unwrap(),
        resource_id: None,
        purpose_of_use: None,
        justification: None,
        method: AccessMethod::Api,
        request_id: None,
        rule: "no_consent".try_into().unwrap(),
    })
}
