//! What must be unique, and what must be free.

use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Committed, Journal, SlotKind};
use uuid::Uuid;

use crate::scripted::Scripted;

type Outcome = Result<Committed<Scripted>, CommandError<anamnesis_domain::facility::FacilityError>>;

async fn tell(journal: &Journal, caller: &Caller, id: Uuid, words: &str) -> Outcome {
    journal.execute::<Scripted>(id, words.to_owned(), &caller.again(), None).await
}

fn is_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Err(CommandError::Taken { kind }) if kind == "number")
}

fn is_slot_taken(outcome: &Outcome, of: SlotKind) -> bool {
    matches!(outcome, Err(CommandError::SlotTaken { kind }) if *kind == of)
}

#[tokio::test]
async fn a_claimed_value_belongs_to_one_stream_of_an_organization() {
    let database = TestDatabase::new().await;
    let (journal, ours, theirs) = (database.journal().await, caller(), caller());
    let (a, b, c) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());

    tell(&journal, &ours, a, "claim number 7").await.unwrap();
    assert!(is_taken(&tell(&journal, &ours, b, "claim number 7").await));
    tell(&journal, &ours, b, "claim mail 7").await.unwrap();
    tell(&journal, &theirs, c, "claim number 7").await.unwrap();
    tell(&journal, &ours, a, "claim number 7").await.unwrap();

    tell(&journal, &ours, a, "release number 7").await.unwrap();
    tell(&journal, &ours, b, "claim number 7").await.unwrap();
    // what isn't one's own isn't given back
    tell(&journal, &ours, a, "release number 7").await.unwrap();
    assert!(is_taken(&tell(&journal, &ours, a, "claim number 7").await));
}

#[tokio::test]
async fn the_last_word_on_a_value_counts() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    tell(&journal, &caller, a, "claim number 7\nrelease number 7\nclaim number 8").await.unwrap();
    tell(&journal, &caller, b, "claim number 7").await.unwrap();
    assert!(is_taken(&tell(&journal, &caller, b, "claim number 8").await));
    tell(&journal, &caller, a, "release number 8\nclaim number 8").await.unwrap();
    assert!(is_taken(&tell(&journal, &caller, b, "claim number 8").await));
}

#[tokio::test]
async fn a_refused_claim_leaves_nothing_and_is_remembered() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    tell(&journal, &caller, a, "claim number 7").await.unwrap();

    let refused = caller.again();
    for _ in 0..2 {
        let outcome = journal.execute::<Scripted>(b, "claim mail 1\nclaim number 7\nslot 1 2 0 30".to_owned(), &refused, None).await;
        assert!(is_taken(&outcome), "{outcome:?}");
    }
    assert_eq!(count(&database, "events").await, 1);
    assert_eq!(count(&database, "claims").await, 1);
    assert_eq!(count(&database, "slots").await, 0);
    assert_eq!(count(&database, "unsequenced").await, 1);

    tell(&journal, &caller, a, "release number 7").await.unwrap();
    let outcome = journal.execute::<Scripted>(b, "claim number 7".to_owned(), &refused, None).await;
    assert!(is_taken(&outcome), "the same command has the same answer, although the number is free by now: {outcome:?}");
}

#[tokio::test]
async fn a_time_is_taken_once_for_the_provider_and_for_the_patient() {
    let database = TestDatabase::new().await;
    let (journal, ours) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    tell(&journal, &ours, a, "slot 1 2 0 30").await.unwrap();

    assert!(is_slot_taken(&tell(&journal, &ours, b, "slot 3 2 15 45").await, SlotKind::Provider));
    assert!(is_slot_taken(&tell(&journal, &ours, b, "slot 1 4 29 30").await, SlotKind::Patient));
    tell(&journal, &ours, b, "slot 1 2 30 60").await.unwrap();
    tell(&journal, &caller(), Uuid::now_v7(), "slot 1 2 0 30").await.unwrap();
}

#[tokio::test]
async fn an_appointment_moves_over_its_own_time_and_frees_what_it_leaves() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    tell(&journal, &caller, a, "slot 1 2 0 60").await.unwrap();
    tell(&journal, &caller, a, "slot 1 2 30 90").await.unwrap();
    tell(&journal, &caller, b, "slot 3 2 0 30").await.unwrap();
    assert!(is_slot_taken(&tell(&journal, &caller, b, "slot 3 2 60 70").await, SlotKind::Provider));

    tell(&journal, &caller, a, "free").await.unwrap();
    tell(&journal, &caller, b, "slot 3 2 60 70").await.unwrap();
    assert_eq!(count(&database, "slots").await, 2, "those that it holds now, and no other");
}

async fn count(database: &TestDatabase, table: &str) -> i64 {
    sqlx::query_scalar(&format!("select count(*) from journal.{table}")).fetch_one(&database.superuser()).await.unwrap()
}
