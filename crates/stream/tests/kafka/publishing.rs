//! Does what is in the log come to Kafka, as docs/formats.md says?

use std::time::Duration;

use anamnesis_journal::Role;
use anamnesis_journal::follower::{Follower, FollowerSettings};
use anamnesis_journal::log::Log;
use anamnesis_journal::tree::Signer;
use anamnesis_stream::{Topic, TopicPartition, ensure_topics};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::Message as _;
use tokio_util::sync::CancellationToken;

use crate::world::{SOON, World, header};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_published_once_and_a_new_publisher_goes_on_where_the_last_stopped() {
    let world = World::new().await;
    world.append(60).await;
    world.publish_all().await;
    world.assert_each_once_and_in_order(60);

    // the next one is told nothing but what is in Kafka
    sqlx::query("update journal.publisher set position = 0").execute(&world.database.superuser()).await.unwrap();
    sqlx::query("truncate journal.published").execute(&world.database.superuser()).await.unwrap();
    world.append(20).await;
    world.publish_all().await;
    world.assert_each_once_and_in_order(80);

    let entries = world.log().read_after(0, 100).await.unwrap();
    for (partition, records) in world.records() {
        for record in records {
            let position: usize = header(&record, "position").parse().unwrap();
            let entry = &entries[position - 1];
            assert_eq!(TopicPartition::of(&entry.aggregate_type, entry.aggregate_id), Some(partition));
            assert_eq!(header(&record, "leaf"), entry.leaf().to_string());
            assert_eq!(record.timestamp().to_millis().unwrap(), entry.logged_at.micros() / 1000);
            let key = if partition.topic == Topic::Audit { entry.event_id } else { entry.aggregate_id };
            assert_eq!(record.key().unwrap(), key.to_string().as_bytes());
            let sealed = entry.payload.as_bytes();
            assert!(record.payload().unwrap().windows(sealed.len()).any(|part| part == sealed));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_tree_heads_are_published_once_they_are_covered() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let signer = std::sync::Arc::new(Signer::open_or_create(folder.path().join("signer"), "test.example/log").unwrap());
    let pool = world.database.pool(Role::Writer);
    let settings = FollowerSettings { sign_every: Duration::from_mins(5) };
    let follower = Follower::new(pool.clone(), Log::new(pool), Some(signer.clone()), settings);
    let (handle, shutdown) = (follower.handle(), CancellationToken::new());
    tokio::spawn(follower.run(shutdown.clone()));
    let _following = shutdown.drop_guard();

    let heads = TopicPartition { topic: Topic::LogHeads, index: 0 };
    let (_publisher, _publishing) = world.publish();
    for size in [3, 7] {
        world.append(if size == 3 { 3 } else { 4 }).await;
        let promised = handle.signed(size, SOON).await.unwrap();
        let published =
            || world.records_of(heads).iter().map(|head| String::from_utf8(head.payload().unwrap().to_vec()).unwrap()).collect::<Vec<_>>();
        let arrived = async {
            while published().last().map(String::as_str) != Some(promised.note()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SOON, arrived).await.unwrap();
        let stored: Vec<String> =
            sqlx::query_scalar("select note from journal.tree_heads order by size").fetch_all(&world.database.superuser()).await.unwrap();
        assert_eq!(published(), stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_differ_are_reported_and_left_as_they_are() {
    let world = World::new().await;
    let name = |topic: Topic| format!("{}{}", world.kafka.topic_prefix, topic.name());
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &world.kafka.brokers).create().unwrap();
    let few = name(Topic::Document);
    admin.create_topics(&[NewTopic::new(&few, 3, TopicReplication::Fixed(1))], &AdminOptions::new()).await.unwrap();

    let mut drift = ensure_topics(&world.kafka).await.unwrap();
    while drift.is_empty() {
        // a new topic isn't known everywhere at once
        drift = ensure_topics(&world.kafka).await.unwrap();
    }
    let told: Vec<_> = drift.iter().map(ToString::to_string).collect();
    assert!(told.contains(&format!("the topic {few} has partitions = 3, not 4")), "{told:?}");
    assert!(told.contains(&format!("the topic {few} has retention.ms = 604800000, not 7776000000")), "{told:?}");
    assert!(drift.iter().all(|drift| drift.topic == few), "{told:?}");

    let audit = name(Topic::Audit);
    let other = AlterConfig::new(ResourceSpecifier::Topic(&audit)).set("cleanup.policy", "compact");
    admin.alter_configs(&[other], &AdminOptions::new()).await.unwrap();
    let mut again: Vec<_> = vec![];
    while again.len() <= told.len() {
        again = ensure_topics(&world.kafka).await.unwrap().iter().map(ToString::to_string).collect();
    }
    assert!(again.contains(&format!("the topic {audit} has cleanup.policy = compact, not compact,delete")), "{again:?}");
    assert_eq!(ensure_topics(&world.kafka).await.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), again);
}

/// A cluster that isn't ours any more, or a database that was put back: nothing is added to either.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_not_the_logs_stops_the_publisher() {
    let world = World::new().await;
    world.append(12).await;
    world.publish_all().await;
    let tamper = "set session_replication_role = replica; update journal.log set row_hash = sha256('other') where position = 12";
    sqlx::raw_sql(tamper).execute(&world.database.superuser()).await.unwrap();
    let (publisher, _publishing) = world.publish();
    let problem = tokio::time::timeout(SOON, async {
        loop {
            if let Some(problem) = publisher.health().problem {
                return problem;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let problem = problem.await.unwrap();
    assert!(problem.contains("says position 12, where the log has another event"), "{problem}");
}

/// Kafka may lose everything: it is filled again, and its consumers notice nothing but what they have seen.
#[tokio::test(flavor = "multi_thread")]
async fn topics_that_were_deleted_are_filled_again() {
    let world = World::new().await;
    world.append(24).await;
    world.publish_all().await;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &world.kafka.brokers).create().unwrap();
    let audit = format!("{}{}", world.kafka.topic_prefix, Topic::Audit.name());
    admin.delete_topics(&[&audit], &AdminOptions::new()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.append(4).await;
    world.publish_all().await;
    world.assert_each_once_and_in_order(28);
}
