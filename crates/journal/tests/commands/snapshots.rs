//! Long streams are read from their snapshot; if it is of any use.

use std::time::Duration;

use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, Journal, JournalSettings};
use uuid::Uuid;

use crate::scripted::Scripted;

const EVERY: u64 = 10;

async fn journal(database: &TestDatabase) -> Journal {
    database.journal_with(JournalSettings { snapshot_every: EVERY, states_bytes: 0, ..JournalSettings::default() }).await
}

async fn say(journal: &Journal, caller: &Caller, id: Uuid, count: u64, line: &str) -> u64 {
    let words = vec![line; usize::try_from(count).unwrap()].join("\n");
    journal.execute::<Scripted>(id, words, &caller.again(), None).await.unwrap().sequence
}

async fn snapshot(database: &TestDatabase, id: Uuid) -> Option<i64> {
    sqlx::query_scalar("select sequence from journal.snapshots where aggregate_id = $1").bind(id).fetch_optional(&database.superuser()).await.unwrap()
}

async fn snapshot_at(database: &TestDatabase, id: Uuid, sequence: i64) {
    for _ in 0..200 {
        if snapshot(database, id).await == Some(sequence) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no snapshot at {sequence}");
}

/// Changes the events before the snapshot so that whoever reads them fails.
pub(crate) async fn spoil_events_before(database: &TestDatabase, id: Uuid, sequence: i64) {
    let superuser = database.superuser();
    sqlx::query("alter table journal.events disable trigger events_are_immutable").execute(&superuser).await.unwrap();
    let spoil = sqlx::query("update journal.events set event_id = gen_random_uuid() where aggregate_id = $1 and sequence <= $2");
    spoil.bind(id).bind(sequence).execute(&superuser).await.unwrap();
}

#[tokio::test]
async fn a_long_stream_is_read_from_its_snapshot_on() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (journal(&database).await, caller(), Uuid::now_v7());
    say(&journal, &caller, id, 9, "say it").await;
    assert_eq!(snapshot(&database, id).await, None);
    say(&journal, &caller, id, 3, "say it").await;
    snapshot_at(&database, id, 12).await;
    assert_eq!(say(&journal, &caller, id, 7, "say it").await, 19);

    spoil_events_before(&database, id, 12).await;
    assert_eq!(say(&journal, &caller, id, 1, "say it").await, 20, "nobody has looked at the events before it");
    snapshot_at(&database, id, 20).await;
}

#[tokio::test]
async fn a_snapshot_that_does_not_open_or_is_of_another_version_is_passed_over() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (journal(&database).await, caller(), Uuid::now_v7());
    say(&journal, &caller, id, EVERY, "say it").await;
    snapshot_at(&database, id, 10).await;
    for spoil in ["set state = set_byte(state, 100, 1 - get_byte(state, 100) % 2)", "set state_version = 99", "set sequence = 9"] {
        sqlx::query(&format!("update journal.snapshots {spoil}")).execute(&database.superuser()).await.unwrap();
        say(&journal, &caller, id, 1, "say it").await;
    }
    spoil_events_before(&database, id, 1).await;
    let altered = journal.execute::<Scripted>(id, "say it".to_owned(), &caller.again(), None).await;
    assert!(altered.is_err(), "the events themselves were read, so what was done to them is noticed: {altered:?}");
}

#[tokio::test]
async fn what_the_organization_keeps_in_a_persons_stream_goes_into_that_persons_snapshot() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (journal(&database).await, caller(), Uuid::now_v7());
    say(&journal, &caller, id, 1, "about 5").await;
    say(&journal, &caller, id, EVERY, "say it").await;
    snapshot_at(&database, id, 11).await;
    spoil_events_before(&database, id, 11).await;
    assert_eq!(say(&journal, &caller, id, 1, "say it").await, 12, "nobody has looked at the events before it");

    let destroy = sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1").bind(Uuid::from_u128(5));
    destroy.execute(&database.superuser()).await.unwrap();
    let elsewhere = self::journal(&database).await;
    let erased = elsewhere.execute::<Scripted>(id, "say it".to_owned(), &caller.again(), None).await;
    assert!(erased.is_err(), "the snapshot goes with the person: {erased:?}");
}

#[tokio::test]
async fn a_state_about_several_persons_is_not_kept() {
    let database = TestDatabase::new().await;
    let (journal, caller, alone, several) = (journal(&database).await, caller(), Uuid::now_v7(), Uuid::now_v7());
    say(&journal, &caller, several, EVERY, "about 5").await;
    snapshot_at(&database, several, 10).await;
    say(&journal, &caller, several, 3, "about 6").await;
    say(&journal, &caller, several, EVERY, "about 5").await;
    say(&journal, &caller, alone, EVERY, "about 5").await;
    snapshot_at(&database, alone, 10).await;
    assert_eq!(snapshot(&database, several).await, Some(10), "the one from before the second person came");

    sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1")
        .bind(Uuid::from_u128(5))
        .execute(&database.superuser())
        .await
        .unwrap();
    let elsewhere = self::journal(&database).await;
    let erased = elsewhere.execute::<Scripted>(alone, "say it".to_owned(), &caller.again(), None).await.unwrap_err();
    assert!(matches!(erased, anamnesis_journal::CommandError::Erased), "a snapshot is no way round an erasure: {erased:?}");
}

#[tokio::test]
async fn a_stream_longer_than_one_answer_is_read_to_its_end() {
    let database = TestDatabase::new().await;
    let journal = database.journal_with(JournalSettings { snapshot_every: 0, ..JournalSettings::default() }).await;
    let (caller, id) = (caller(), Uuid::now_v7());
    for last in (1..=5).map(|n| n * 100) {
        assert_eq!(say(&journal, &caller, id, 100, "say it").await, last);
    }
    assert_eq!(say(&database.journal().await, &caller, id, 1, "say it").await, 501);
    assert_eq!(snapshot(&database, id).await, None);
}
