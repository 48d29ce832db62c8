//! Does a consumer of one partition get its events from exactly where it stopped, and nothing after a gap?

use std::time::Duration;

use anamnesis_journal::Role;
use anamnesis_journal::log::SealedEntry;
use anamnesis_loops::Loops;
use anamnesis_stream::{Feed, FeedError, KafkaFeed, Membership, Topic, TopicPartition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::world::{SOON, World, header};

const SHORT: Duration = Duration::from_millis(300);

fn feed(world: &World, partition: TopicPartition) -> KafkaFeed {
    let pool = world.database.pool(Role::Projector);
    KafkaFeed::new(&world.kafka, pool, world.log(), partition).unwrap()
}

/// Everything after a checkpoint, in small bites.
async fn read(feed: &mut KafkaFeed, mut checkpoint: u64) -> Result<Vec<SealedEntry>, FeedError> {
    let mut read = vec![];
    loop {
        let more = feed.after(checkpoint, 7, SHORT).await?;
        let Some(last) = more.last() else { return Ok(read) };
        checkpoint = last.position;
        read.extend(more);
    }
}

/// What the log has for a partition.
async fn expected(world: &World, partition: TopicPartition, after: u64) -> Vec<SealedEntry> {
    let entries = world.log().read_after(after, 10_000).await.unwrap();
    entries.into_iter().filter(|entry| TopicPartition::of(&entry.aggregate_type, entry.aggregate_id) == Some(partition)).collect()
}

/// The partition of patients' events with the most records.
fn busiest(world: &World) -> TopicPartition {
    let records = world.records();
    *records.iter().max_by_key(|(_, records)| records.len()).unwrap().0
}

/// As retention would: the first records up to an offset are gone.
async fn forget(world: &World, partition: TopicPartition, before: Offset) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &world.kafka.brokers).create().unwrap();
    let name = format!("{}{}", world.kafka.topic_prefix, partition.topic.name());
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&name, i32::try_from(partition.index).unwrap(), before).unwrap();
    admin.delete_records(&offsets, &AdminOptions::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_gives_its_partition_from_any_checkpoint_and_waits_for_more() {
    let world = World::new().await;
    world.append(120).await;
    let (publisher, _publishing) = world.publish();
    assert!(publisher.published(120, SOON).await);
    let partition = busiest(&world);
    let mut feed = feed(&world, partition);
    let all = expected(&world, partition, 0).await;
    assert_eq!(read(&mut feed, 0).await.unwrap(), all);
    assert_eq!((feed.partition(), feed.end().await.unwrap()), (partition.number(), all.last().unwrap().position));

    // again from the middle, and from a position that isn't this partition's
    let middle = all[all.len() / 2].position;
    for checkpoint in [middle, middle - 1, middle + 1, 120] {
        assert_eq!(read(&mut feed, checkpoint).await.unwrap(), expected(&world, partition, checkpoint).await, "after {checkpoint}");
    }

    // a call that is dropped while it waits loses nothing
    let last = all.last().unwrap().position;
    assert!(tokio::time::timeout(SHORT, feed.after(last, 7, SOON)).await.is_err());
    let waiting = tokio::spawn(async move { (feed.after(last, 1, SOON).await.unwrap(), feed) });
    world.append(60).await;
    let (mut more, mut feed) = waiting.await.unwrap();
    more.extend(read(&mut feed, more.last().unwrap().position).await.unwrap());
    assert!(publisher.published(180, SOON).await);
    more.extend(read(&mut feed, more.last().unwrap().position).await.unwrap());
    assert_eq!(more, expected(&world, partition, last).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_has_forgotten_comes_from_the_log() {
    let world = World::new().await;
    world.append(120).await;
    let (publisher, _publishing) = world.publish();
    assert!(publisher.published(120, SOON).await);
    let partition = busiest(&world);
    let all = expected(&world, partition, 0).await;
    let records = world.records_of(partition);
    forget(&world, partition, Offset::Offset(records[records.len() / 2].offset())).await;
    assert!(world.records_of(partition).len() < all.len());
    assert_eq!(read(&mut feed(&world, partition), 0).await.unwrap(), all);
    let third = all[2].position;
    assert_eq!(read(&mut feed(&world, partition), third).await.unwrap(), all[3..]);

    // everything is gone; then something comes
    forget(&world, partition, Offset::End).await;
    assert_eq!(world.records_of(partition).len(), 0);
    let mut feed = feed(&world, partition);
    assert_eq!(read(&mut feed, third).await.unwrap(), all[3..]);
    world.append(40).await;
    assert!(publisher.published(160, SOON).await);
    let last = all.last().unwrap().position;
    assert_eq!(read(&mut feed, last).await.unwrap(), expected(&world, partition, last).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_drops_what_it_has_seen_and_stops_at_a_gap() {
    let world = World::new().await;
    world.append(80).await;
    world.publish_all().await;
    let partition = busiest(&world);
    let all = expected(&world, partition, 0).await;
    let records = world.records_of(partition);
    // the same once more: a consumer sees each once
    world.write(&records);
    assert_eq!(read(&mut feed(&world, partition), 0).await.unwrap(), all);

    let (topic, other) = (format!("{}{}", world.kafka.topic_prefix, partition.topic.name()), World::new().await);
    let copied = |without: &str| {
        let rest = records.iter().filter(|record| header(record, "position") != without);
        rest.map(|record| record.clone().set_topic(topic.replace(&world.kafka.topic_prefix, &other.kafka.topic_prefix))).collect::<Vec<_>>()
    };
    anamnesis_stream::ensure_topics(&other.kafka).await.unwrap();
    other.write(&copied(header(&records[4], "position")));
    let pool = world.database.pool(Role::Projector);
    let mut gap = KafkaFeed::new(&other.kafka, pool, world.log(), partition).unwrap();
    let before_gap = gap.after(0, 100, SOON).await.unwrap();
    assert_eq!(before_gap, all[..4]);
    let error = gap.after(all[3].position, 100, SOON).await.unwrap_err();
    assert!(matches!(error, FeedError::Broken(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_waits_out_kafka_and_the_partitions_are_shared_out() {
    let world = World::new().await;
    anamnesis_stream::ensure_topics(&world.kafka).await.unwrap();
    let topics = [Topic::Patient, Topic::Audit];
    let mut one = Membership::join(&world.kafka, "tests", &topics, &Loops::default()).unwrap();
    let all = 18;
    wait_for(&mut one, |mine| mine == all).await;
    let mut two = Membership::join(&world.kafka, "tests", &topics, &Loops::default()).unwrap();
    wait_for(&mut two, |mine| mine > 0 && mine < all).await;
    wait_for(&mut one, |mine| mine > 0 && mine < all).await;
    tokio::time::timeout(SOON, async {
        while one.assigned().len() + two.assigned().len() != all || !one.assigned().is_disjoint(&two.assigned()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    drop(two);
    wait_for(&mut one, |mine| mine == all).await;

    let unreachable = anamnesis_stream::KafkaSettings { brokers: "127.0.0.1:1".to_owned(), ..world.kafka.clone() };
    let pool = world.database.pool(Role::Projector);
    let mut nowhere = KafkaFeed::new(&unreachable, pool, world.log(), TopicPartition { topic: Topic::Patient, index: 0 }).unwrap();
    let error = tokio::time::timeout(SOON, nowhere.after(0, 1, SHORT)).await.unwrap().unwrap_err();
    assert!(matches!(error, FeedError::Unavailable(_)), "{error:?}");
}

async fn wait_for(membership: &mut Membership, condition: impl Fn(usize) -> bool) {
    tokio::time::timeout(SOON, async {
        while !condition(membership.assigned().len()) {
            membership.changed().await;
        }
    })
    .await
    .unwrap();
}
