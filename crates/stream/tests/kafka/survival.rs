//! Is each event published once, whichever publisher is stopped, continued or killed?

use std::str::FromStr as _;
use std::time::Duration;

use anamnesis_journal::Role;
use anamnesis_journal::log::Log;
use anamnesis_journal::testing::Process;
use anamnesis_stream::{KafkaSettings, Publisher, PublisherSettings};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::world::{World, append, settings};

const URL: &str = "ANAMNESIS_TEST_PUBLISHER_OF";
const KAFKA: &str = "ANAMNESIS_TEST_PUBLISHER_TO";

/// Not a test: what the tests below start as a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by other tests"]
async fn publisher() {
    let (Ok(url), Ok(kafka)) = (std::env::var(URL), std::env::var(KAFKA)) else { return };
    let pool = PgPool::connect_lazy_with(PgConnectOptions::from_str(&url).unwrap());
    let kafka: KafkaSettings = serde_json::from_str(&kafka).unwrap();
    // small transactions, so that signals come in the middle of one
    let settings = PublisherSettings { lease: Duration::from_millis(900), batch: 5, ..settings() };
    Publisher::new(pool.clone(), Log::new(pool), kafka, settings).run(CancellationToken::new()).await;
}

/// A publisher in a process of its own; killed with this value.
fn start(world: &World) -> Process {
    Process::of_test("survival::publisher", &[(URL, world.database.url()), (KAFKA, serde_json::to_string(&world.kafka).unwrap())])
}

async fn epoch(world: &World) -> i64 {
    sqlx::query_scalar("select epoch from journal.publisher").fetch_one(&world.database.pool(Role::Writer)).await.unwrap()
}

async fn published(world: &World, position: i64) {
    let pool = world.database.pool(Role::Writer);
    let sql = "select position from journal.publisher";
    let reached = async {
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap() < position {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), reached).await.expect("everything is published in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_that_are_stopped_and_continued_publish_nothing_twice() {
    let world = World::new().await;
    let journal = world.database.journal().await;
    let writing = CancellationToken::new();
    let writer = tokio::spawn({
        let writing = writing.clone();
        async move {
            let mut written = 0;
            while !writing.is_cancelled() {
                append(&journal, 4).await;
                written += 4;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            written
        }
    });
    let publishers = [start(&world), start(&world)];
    for turn in 0..4 {
        let (stopped, other) = (&publishers[turn % 2], &publishers[(turn + 1) % 2]);
        stopped.signal("-STOP");
        other.signal("-CONT");
        // until the other one has taken over, and a little longer
        let before = epoch(&world).await;
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if epoch(&world).await > before {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    for publisher in &publishers {
        publisher.signal("-CONT");
    }
    writing.cancel();
    let written: u64 = writer.await.unwrap();
    published(&world, written.cast_signed()).await;
    assert!(epoch(&world).await >= 3, "leadership changed only {} times", epoch(&world).await);
    world.assert_each_once_and_in_order(written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_publisher_is_followed_by_the_next() {
    let world = World::new().await;
    for turn in 1..=3_i64 {
        world.append(60).await;
        let publisher = start(&world);
        // some are killed while they work, some after
        published(&world, turn * 60 - if turn % 2 == 0 { 40 } else { 0 }).await;
        drop(publisher);
    }
    let _last = start(&world);
    published(&world, 180).await;
    world.assert_each_once_and_in_order(180);
}
