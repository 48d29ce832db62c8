//! Is a record that was deleted, doubled, moved or altered found?

use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::Role;
use anamnesis_journal::tree::Signer;
use anamnesis_stream::{Fault, KafkaReport, KafkaSettings, Scope, TopicPartition, ensure_topics, verify_kafka};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::world::{SOON, World, header, kafka_settings};

type Found = fn(&Fault) -> bool;

async fn verify(world: &World, kafka: &KafkaSettings) -> KafkaReport {
    verify_kafka(kafka, world.database.pool(Role::Writer), &world.log(), None, Scope::Everything).await.unwrap()
}

/// The first partition with enough records, and these.
fn some_partition(world: &World) -> (TopicPartition, Vec<OwnedMessage>) {
    world.records().into_iter().find(|(_, records)| records.len() > 4).unwrap()
}

/// A copy of everything in topics of its own, one partition of it changed.
async fn copy(world: &World, changed: TopicPartition, records: Vec<OwnedMessage>) -> KafkaSettings {
    let kafka = KafkaSettings { topic_prefix: kafka_settings().topic_prefix, ..world.kafka.clone() };
    ensure_topics(&kafka).await.unwrap();
    let moved = |record: OwnedMessage| {
        let topic = record.topic().replace(&world.kafka.topic_prefix, &kafka.topic_prefix);
        record.set_topic(topic)
    };
    let others = world.records().into_iter().filter(|(partition, _)| *partition != changed).flat_map(|(_, records)| records);
    world.write(&others.chain(records).map(moved).collect::<Vec<_>>());
    kafka
}

/// Writes these to the copy in a transaction, and leaves it open.
fn write_undecided(world: &World, copy: &KafkaSettings, records: &[OwnedMessage]) -> BaseProducer {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &copy.brokers).set("transactional.id", &copy.topic_prefix).create().unwrap();
    producer.init_transactions(SOON).unwrap();
    producer.begin_transaction().unwrap();
    for record in records {
        let topic = record.topic().replace(&world.kafka.topic_prefix, &copy.topic_prefix);
        let again = BaseRecord::to(&topic).partition(record.partition()).key(record.key().unwrap()).payload(record.payload().unwrap());
        producer.send(again.headers(record.headers().unwrap().clone())).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(SOON).unwrap();
    producer
}

fn with_header(record: &OwnedMessage, name: &str, value: &str) -> OwnedMessage {
    let headers = record.headers().unwrap();
    let changed = headers.iter().fold(OwnedHeaders::new(), |changed, header| {
        let kept = header.value.map(|bytes| std::str::from_utf8(bytes).unwrap());
        changed.insert(Header { key: header.key, value: if header.key == name { Some(value) } else { kept } })
    });
    record.clone().replace_headers(Some(changed))
}

fn with_byte(record: &OwnedMessage, from_end: usize) -> OwnedMessage {
    let mut value = record.payload().unwrap().to_vec();
    let at = value.len() - from_end;
    value[at] ^= 1;
    record.clone().set_payload(Some(value))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_one_record_is_found_and_named() {
    let world = World::new().await;
    world.append(80).await;
    world.publish_all().await;
    let sound = verify(&world, &world.kafka).await;
    assert!(sound.is_sound(), "{:?}", sound.findings);
    assert_eq!((sound.up_to, sound.unpublished, sound.records), (80, 0, 80));

    let (partition, records) = some_partition(&world);
    let position: u64 = header(&records[2], "position").parse().unwrap();
    let with = |change: &dyn Fn(&mut Vec<OwnedMessage>)| {
        let mut changed = records.clone();
        change(&mut changed);
        changed
    };
    let changes: [(&str, Vec<OwnedMessage>, Found); 9] = [
        ("deleted", with(&|records| drop(records.remove(2))), |fault| *fault == Fault::Missing),
        ("the last deleted", with(&|records| records.truncate(2)), |fault| *fault == Fault::Missing),
        ("doubled", with(&|records| records.insert(3, records[2].clone())), |fault| *fault == Fault::Doubled),
        ("doubled at the end", with(&|records| records.push(records[2].clone())), |fault| *fault == Fault::Doubled),
        ("out of order", with(&|records| records.swap(2, 3)), |fault| *fault == Fault::Missing || *fault == Fault::OutOfOrder),
        ("one sealed bit", with(&|records| records[2] = with_byte(&records[2], 40)), |fault| matches!(fault, Fault::Altered(_))),
        ("its leaf", with(&|records| records[2] = with_header(&records[2], "leaf", &"00".repeat(32))), |fault| matches!(fault, Fault::Altered(_))),
        ("who is before it", with(&|records| records[2] = with_header(&records[2], "previous-position", "0")), |fault| {
            matches!(fault, Fault::WrongPrevious { named: 0, .. })
        }),
        (
            "the registry's id",
            with(&|records| {
                let mut value = records[2].payload().unwrap().to_vec();
                value[3] ^= 0xff;
                records[2] = records[2].clone().set_payload(Some(value));
            }),
            |fault| matches!(fault, Fault::OtherSchemaId(_)),
        ),
    ];
    for (what, changed, found) in changes {
        let report = verify(&world, &copy(&world, partition, changed).await).await;
        let first = report.findings.first().unwrap_or_else(|| panic!("{what}: nothing is found"));
        assert_eq!((first.partition, first.position), (partition, position), "{what}: {:?}", report.findings);
        assert!(found(&first.fault), "{what}: {:?}", report.findings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_decided_yet_is_neither_missing_nor_forgotten() {
    let world = World::new().await;
    world.append(80).await;
    world.publish_all().await;
    let (partition, records) = some_partition(&world);
    for decided in [0, 2] {
        // the rest is written, and Kafka has yet to say that it is committed
        let kafka = copy(&world, partition, records[..decided].to_vec()).await;
        let producer = write_undecided(&world, &kafka, &records[decided..]);
        let committing = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_secs(3));
            producer.commit_transaction(SOON).unwrap();
        });
        let report = verify(&world, &kafka).await;
        assert!(committing.is_finished(), "this was sure of something before it was decided");
        assert!(report.is_sound(), "{:?}", report.findings);
        assert_eq!((report.records, report.forgotten_unproved.len()), (80, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_proved_is_signed_and_may_then_be_forgotten() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let signer = Arc::new(Signer::open_or_create(folder.path().join("signer"), "test.example/log").unwrap());
    let verify = async |scope| {
        let signer = Some(Arc::clone(&signer));
        verify_kafka(&world.kafka, world.database.pool(Role::Writer), &world.log(), signer, scope).await.unwrap()
    };
    world.append(40).await;
    world.publish_all().await;
    let first = verify(Scope::Everything).await;
    assert_eq!((first.records, first.findings.len(), first.statement.is_some()), (40, 0, true));
    world.append(20).await;
    world.publish_all().await;
    let since = verify(Scope::SinceStatement).await;
    assert_eq!((since.up_to, since.records, since.findings.len()), (60, 20, 0));

    // somebody changes the signed words
    let tamper = "set session_replication_role = replica; update journal.publication_statements set note = replace(note, 'up to 60', 'up to 59')";
    sqlx::raw_sql(tamper).execute(&world.database.superuser()).await.unwrap();
    let refused = verify_kafka(&world.kafka, world.database.pool(Role::Writer), &world.log(), Some(signer), Scope::Everything).await;
    assert!(refused.unwrap_err().to_string().contains("doesn't hold"));
}
