//! Does a patient's name stand in the clear behind the journal: in Kafka's records and files, in Redis, in what it saves?

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anamnesis_tests::{Clinic, Redis, Server, eventually, new_patient, unique_name};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{given, settings};
use crate::secrecy::{files_with, spellings};

const SOON: Duration = Duration::from_mins(2);

#[test]
fn no_patients_name_is_in_kafka_or_in_redis() {
    let redis = Redis::start();
    let (mut settings, prefix) = settings();
    settings.push(("ANAMNESIS_REDIS_URL", redis.url().leak()));
    let clinic = Clinic::at(Server::with(settings.leak()));
    let family = unique_name("Canary");
    let registered = clinic.register(&new_patient(&family));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    clinic.staff().get_after(&format!("/v1/patients?name={family}"), &registered.consistency()).expect(200);
    eventually("the patient is cached", SOON, || {
        clinic.doctor().get(&path).expect(200);
        redis.dump().iter().any(|(name, _)| name.ends_with(&format!("health:patient:{id}:profile"))).then_some(())
    });
    let told = eventually("the patient is in Kafka", SOON, || {
        let held = everything_in_topics(prefix);
        contains(&held, std::slice::from_ref(&id)).then_some(held)
    });
    assert!(contains(&told, &["PatientRegistered".to_owned()]), "the search sees what is in the clear");

    let names: Vec<_> = [family.as_str(), "999-12-6789", "12 Elm Street"].into_iter().flat_map(spellings).collect();
    let held = redis.dump().into_iter().flat_map(|(key, value)| [key.into_bytes(), value]).collect::<Vec<_>>();
    assert!(!contains(&told, &names), "in a record");
    assert_eq!(files_with(&names, &segments()), Vec::<String>::new());
    assert!(!contains(&held, &names), "in Redis");
    assert_eq!(files_with(&names, &[redis.saved()]), Vec::<String>::new());

    // what is in the clear would be found: in each place, however it is spelt
    let spelt = spellings(&family);
    for planted in &spelt {
        plant(prefix, planted);
        redis.set(&format!("planted:{planted}"), "");
    }
    let (told, held) = (everything_in_topics(prefix), redis.dump().into_iter().map(|(key, _)| key.into_bytes()).collect::<Vec<_>>());
    let (segments, saved) = (segments(), [redis.saved()]);
    for planted in spelt.chunks(1) {
        assert!(contains(&told, planted) && contains(&held, planted), "{planted:?}");
        let files = files_with(planted, &segments);
        assert!(files.len() == 1 && files[0].contains(&format!("{prefix}planted")), "{planted:?}: {files:?}");
        assert_eq!(files_with(planted, &saved).len(), 1, "{planted:?}");
    }
}

/// The broker's segments: all that it has of anybody's records.
fn segments() -> Vec<PathBuf> {
    let partitions = fs::read_dir(given("ANAMNESIS_TEST_KAFKA_DATA")).unwrap().map(|entry| entry.unwrap().path());
    // one that is being deleted is gone meanwhile
    let files = partitions.filter_map(|partition| fs::read_dir(partition).ok()).flatten();
    files.map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|extension| extension == "log")).collect()
}

pub(crate) fn contains(held: &[Vec<u8>], patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| held.iter().any(|bytes| bytes.windows(pattern.len()).any(|window| window == pattern.as_bytes())))
}

/// Every key, value and header of an installation's topics: not as they lie in files, which may be compressed.
fn everything_in_topics(prefix: &str) -> Vec<Vec<u8>> {
    records(prefix).iter().flat_map(parts).collect()
}

/// A record's key, value and headers.
pub(crate) fn parts(record: &OwnedMessage) -> Vec<Vec<u8>> {
    let headers = record.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.filter_map(|header| Some([header.key.as_bytes(), header.value?].concat()));
    [record.key(), record.payload()].into_iter().flatten().map(<[u8]>::to_vec).chain(headers).collect()
}

/// All records in the topics whose names begin so, as anybody reads them who has the brokers' address.
pub(crate) fn records(topics: &str) -> Vec<OwnedMessage> {
    let mut config = client();
    config.set("group.id", topics).set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(None, SOON).unwrap();
    let mut unread = TopicPartitionList::new();
    for topic in metadata.topics().iter().filter(|topic| topic.name().starts_with(topics)) {
        for partition in topic.partitions() {
            unread.add_partition_offset(topic.name(), partition.id(), Offset::Beginning).unwrap();
        }
    }
    let (mut records, mut left, deadline) = (vec![], unread.count(), Instant::now() + SOON);
    consumer.assign(&unread).unwrap();
    while left > 0 {
        assert!(Instant::now() < deadline, "Kafka answers");
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(record)) => records.push(record.detach()),
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    records
}

/// Writes a record in the clear, into a topic beside the installation's.
fn plant(prefix: &str, value: &str) {
    let topic = format!("{prefix}planted");
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    let new = [NewTopic::new(&topic, 1, TopicReplication::Fixed(1))];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(admin.create_topics(&new, &AdminOptions::new())).unwrap();
    let producer: BaseProducer = client().create().unwrap();
    producer.send(BaseRecord::<(), str>::to(&topic).payload(value)).map_err(|(error, _)| error).unwrap();
    producer.flush(SOON).unwrap();
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", given("ANAMNESIS_TEST_KAFKA_BROKERS"));
    config
}
