//! Does a consumer of the log get every event that was appended, in order, and nothing after a gap?
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose};
use anamnesis_domain::{Instant, PatientId, ProviderId};
use anamnesis_journal::Role;
use anamnesis_journal::log::{Log, open};
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_stream::{Feed, FeedError, LogFeed};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

/// A sequencer that runs until the returned guard is dropped.
fn sequence(database: &TestDatabase) -> DropGuard {
    let shutdown = CancellationToken::new();
    tokio::spawn(Sequencer::new(database.pool(Role::Writer), SequencerSettings::default()).run(shutdown.clone()));
    shutdown.drop_guard()
}

/// As the least that a consumer may be.
fn feed(database: &TestDatabase) -> LogFeed {
    LogFeed::new(Log::new(database.pool(Role::Projector)))
}

/// Appends so many events, each to a stream of its own; their streams in order.
async fn append(database: &TestDatabase, events: usize) -> Vec<Uuid> {
    let (journal, caller) = (database.journal().await, caller());
    let mut streams = vec![];
    for _ in 0..events {
        let id = Uuid::now_v7();
        journal.create::<Consent>(id, grant(caller.now), &caller.again()).await.unwrap();
        streams.push(id);
    }
    streams
}

fn grant(now: Instant) -> ConsentCommand {
    let grantee = Grantee { provider_id: Some(ProviderId(Uuid::now_v7())), facility_id: None };
    let (purposes, categories) = (vec![Purpose::Treatment], vec![DataCategory::All]);
    ConsentCommand::Grant(GrantConsent {
        consent: ConsentGranted { patient_id: PatientId(Uuid::now_v7()), grantee, purposes, categories, granted_at: now, expires_at: None },
        themselves: vec![],
    })
}

#[tokio::test]
async fn a_consumer_gets_what_was_appended_and_waits_for_more() {
    let database = TestDatabase::new().await;
    let _running = sequence(&database);
    let streams = append(&database, 5).await;
    let (mut feed, mut read) = (feed(&database), vec![]);
    while read.len() < 5 {
        read.extend(feed.after(read.len() as u64, 2, SOON).await.unwrap());
    }
    assert_eq!(read.iter().map(|entry| entry.aggregate_id).collect::<Vec<_>>(), streams);
    assert_eq!((feed.end().await.unwrap(), feed.partition()), (5, 0));
    assert!(open(read, &database.vault().await).await.unwrap().iter().all(Result::is_ok));

    assert!(feed.after(5, 2, Duration::from_millis(100)).await.unwrap().is_empty());
    let waiting = tokio::spawn(async move { feed.after(5, 2, SOON).await });
    append(&database, 1).await;
    assert_eq!(waiting.await.unwrap().unwrap()[0].position, 6);
}

#[tokio::test]
async fn a_gap_is_told_from_a_database_that_does_not_answer() {
    let database = TestDatabase::new().await;
    let running = sequence(&database);
    append(&database, 3).await;
    let mut feed = feed(&database);
    while feed.end().await.unwrap() < 3 {
        feed.after(2, 1, SOON).await.unwrap();
    }
    drop(running);
    let tamper = "set session_replication_role = replica; delete from journal.log where position = 2";
    sqlx::raw_sql(tamper).execute(&database.superuser()).await.unwrap();
    assert_eq!(feed.after(0, 1, SOON).await.unwrap().len(), 1);
    let error = feed.after(1, 10, SOON).await.unwrap_err();
    assert!(matches!(error, FeedError::Broken(_)), "{error:?}");

    sqlx::raw_sql("revoke usage on schema journal from anamnesis_projector").execute(&database.superuser()).await.unwrap();
    let error = feed.after(0, 1, SOON).await.unwrap_err();
    assert!(matches!(error, FeedError::Unavailable(_)), "{error:?}");
}
