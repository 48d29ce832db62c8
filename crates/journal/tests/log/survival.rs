//! Does the log survive processes that are stopped or killed?

use std::str::FromStr as _;
use std::time::Duration;

use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::testing::Process;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::support::{Database, stream};

const URL: &str = "ANAMNESIS_TEST_LEADER_OF";

/// Not a test: what the tests below start as a process of its own.
#[tokio::test]
#[ignore = "started by other tests"]
async fn leader() {
    let Ok(url) = std::env::var(URL) else { return };
    let options = PgConnectOptions::from_str(&url).unwrap();
    let settings =
        SequencerSettings { lease: Duration::from_millis(600), tick: Duration::from_millis(100), batch: 5, ..SequencerSettings::default() };
    Sequencer::new(PgPool::connect_lazy_with(options), settings).run(CancellationToken::new()).await;
}

/// A sequencer in a process of its own; killed with this value.
fn start(database: &Database) -> Process {
    Process::of_test("survival::leader", &[(URL, database.url())])
}

async fn epoch(database: &Database) -> i64 {
    sqlx::query_scalar("select epoch from journal.head").fetch_one(&database.owner).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_that_are_stopped_and_continued_write_nothing_twice() {
    let database = Database::new().await;
    let leaders = [start(&database), start(&database)];
    let (mut written, writing) = (0, CancellationToken::new());
    let writer = tokio::spawn({
        let (pool, writing) = (database.writer.clone(), writing.clone());
        async move {
            while !writing.is_cancelled() {
                crate::support::append(&mut pool.acquire().await.unwrap(), &stream(3)).await.unwrap();
                written += 3;
            }
            written
        }
    });
    for turn in 0..6 {
        let (stopped, other) = (&leaders[turn % 2], &leaders[(turn + 1) % 2]);
        stopped.signal("-STOP");
        other.signal("-CONT");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for leader in &leaders {
        leader.signal("-CONT");
    }
    writing.cancel();
    let written = writer.await.unwrap();
    database.logged(written).await;
    assert!(epoch(&database).await >= 4, "leadership changed only {} times", epoch(&database).await);
    assert_eq!(database.count("journal.events").await, written);
    database.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_followed_by_the_next() {
    let database = Database::new().await;
    let mut written = 0;
    for turn in 1..=4 {
        let leader = start(&database);
        for _ in 0..20 {
            database.append(&stream(3)).await;
        }
        written += 60;
        // some are killed while they work, some after
        if turn % 2 == 0 {
            database.logged(written - 50).await;
        } else {
            database.logged(written).await;
        }
        drop(leader);
    }
    let _last = start(&database);
    database.logged(written).await;
    assert!(epoch(&database).await >= 4);
    database.assert_sound().await;
}
