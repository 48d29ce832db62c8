//! Does a publisher notice, while it publishes, that somebody else wrote to its topics?

use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::Role;
use anamnesis_journal::log::Log;
use anamnesis_journal::tree::Signer;
use anamnesis_stream::{Comparison, Fault, KafkaSettings, Publisher, PublisherHandle, TopicPartition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::OwnedMessage;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::{SOON, World, header, settings};

/// A publisher that compares all the time.
struct Reconciling {
    publisher: PublisherHandle,
    _publishing: DropGuard,
}

impl Reconciling {
    fn start(world: &World, folder: &TempDir) -> Self {
        let signer = Signer::open_or_create(folder.path().join("signer"), "test.example/log").unwrap();
        let (pool, shutdown) = (world.database.pool(Role::Writer), CancellationToken::new());
        let kafka = KafkaSettings { verify_every_ms: 100, ..world.kafka.clone() };
        let publisher = Publisher::new(pool.clone(), Log::new(pool), kafka, settings()).with_signer(Arc::new(signer));
        let handle = publisher.handle();
        tokio::spawn(publisher.run(shutdown.clone()));
        Self { publisher: handle, _publishing: shutdown.drop_guard() }
    }

    async fn compared(&self, condition: impl Fn(&Comparison) -> bool) -> Comparison {
        let compared = async {
            loop {
                match self.publisher.health().comparison {
                    Some(comparison) if condition(&comparison) => return comparison,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(SOON, compared).await.unwrap_or_else(|_| panic!("{:?}", self.publisher.health()))
    }
}

/// What `doctor` reads: up to where, how many findings, the first of them.
async fn remembered(world: &World) -> (i64, i32, Option<String>) {
    let sql = "select up_to, findings, first_finding from journal.publication_check";
    sqlx::query_as(sql).fetch_one(&world.database.pool(Role::Auditor)).await.unwrap()
}

async fn statements(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from journal.publication_statements").fetch_one(&world.database.pool(Role::Auditor)).await.unwrap()
}

fn busiest(world: &World) -> (TopicPartition, Vec<OwnedMessage>) {
    world.records().into_iter().max_by_key(|(_, records)| records.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_publisher_notices_what_others_write_and_publishes_on() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let reconciling = Reconciling::start(&world, &folder);
    world.append(40).await;
    let good = reconciling.compared(|comparison| comparison.up_to == 40).await;
    assert_eq!((good.findings, remembered(&world).await), (0, (40, 0, None)));

    // nothing new is nothing to sign
    let signed = statements(&world).await;
    let at = reconciling.compared(|later| later.at > good.at).await.at;
    reconciling.compared(|later| later.at > at).await;
    assert_eq!(statements(&world).await, signed);

    let (partition, records) = busiest(&world);
    world.write(&records[..1]);
    let bad = reconciling.compared(|comparison| comparison.findings > 0).await;
    let first = bad.first.unwrap();
    assert_eq!((first.partition, first.fault.clone()), (partition, Fault::Doubled), "{first}");
    assert_eq!(first.position, header(&records[0], "position").parse::<u64>().unwrap());
    assert_eq!(remembered(&world).await, (40, 1, Some(first.to_string())));

    // the others' data goes on, the finding stays, and nothing is signed over it
    world.append(20).await;
    assert!(reconciling.publisher.published(60, SOON).await, "{:?}", reconciling.publisher.health());
    let later = reconciling.compared(|comparison| comparison.up_to == 60).await;
    assert_eq!((later.findings, statements(&world).await), (1, signed));
}

/// Offsets then mean other records than those that were proved.
#[tokio::test(flavor = "multi_thread")]
async fn topics_that_were_lost_and_filled_again_are_no_finding() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let reconciling = Reconciling::start(&world, &folder);
    for part in 1..=4 {
        world.append(20).await;
        reconciling.compared(|comparison| comparison.up_to == part * 20).await;
    }
    drop(reconciling);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &world.kafka.brokers).create().unwrap();
    let name = format!("{}patient-events", world.kafka.topic_prefix);
    admin.delete_topics(&[&name], &AdminOptions::new().operation_timeout(Some(SOON))).await.unwrap();

    world.append(120).await;
    let reconciling = Reconciling::start(&world, &folder);
    let compared = reconciling.compared(|comparison| comparison.up_to == 200).await;
    assert_eq!(compared.findings, 0, "{:?}", compared.first);
    world.assert_each_once_and_in_order(200);
}
