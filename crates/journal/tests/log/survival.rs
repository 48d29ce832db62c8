//! Does the log survive processes that are stopped or killed, and a move to another server?

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::time::Duration;

use anamnesis_journal::follower::StoredTree;
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::following::{SignerFile, follow};
use crate::support::{Database, SOON, stream};

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
struct Leader(Child);

impl Leader {
    fn start(database: &Database) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "survival::leader", "--ignored", "--quiet"])
            .env(URL, database.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn epoch(database: &Database) -> i64 {
    sqlx::query_scalar("select epoch from journal.head").fetch_one(&database.owner).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_that_are_stopped_and_continued_write_nothing_twice() {
    let database = Database::new().await;
    let leaders = [Leader::start(&database), Leader::start(&database)];
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
        let leader = Leader::start(&database);
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
    let _last = Leader::start(&database);
    database.logged(written).await;
    assert!(epoch(&database).await >= 4);
    database.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_dump_goes_on_where_it_was_taken() {
    let (database, copy) = (Database::new().await, Database::empty().await);
    let signer = SignerFile::new();
    let running = database.sequence();
    let (follower, following) = follow(&database, &signer);
    database.append(&stream(300)).await;
    follower.signed(300, SOON).await.unwrap();
    drop((running, following));
    // what comes now waits in the queue
    database.rest().await;
    database.append(&stream(5)).await;

    let dump = tempfile::NamedTempFile::new().unwrap();
    run(client("pg_dump").arg("--format=custom").arg("--file").arg(dump.path()).arg(database.url()));
    run(client("pg_restore").arg("--exit-on-error").arg("--dbname").arg(copy.url()).arg(dump.path()));

    copy.append(&stream(5)).await;
    let (_sequencer, _sequencing) = copy.sequence();
    let (follower, _following) = follow(&copy, &signer);
    let promised = follower.signed(310, SOON).await.expect("the copy's log is the one that was signed");
    assert_eq!(promised.head(), StoredTree::new(copy.writer.clone()).head(310).await.unwrap());
    assert_eq!(copy.count("journal.log").await, 310);
    assert_eq!(copy.count("journal.tree_heads").await, 2);
    copy.assert_sound().await;
}

/// A program of the newest Postgres that is installed: it can read any older server.
fn client(name: &str) -> Command {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let program = newest.map_or(PathBuf::from(name), |version| format!("/usr/lib/postgresql/{version}/bin/{name}").into());
    Command::new(program)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
