//! Several commands, together or not at all.

use anamnesis_domain::Broken;
use anamnesis_domain::consent::Consent;
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Group, GroupError, SlotKind, StepCommitted};
use uuid::Uuid;

use crate::consents::{grant, revoke};
use crate::scripted::Scripted;

fn step(aggregate_type: &'static str, aggregate_id: Uuid, sequence: u64) -> StepCommitted {
    StepCommitted { aggregate_type, aggregate_id, sequence }
}

fn words(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn steps_see_what_the_steps_before_have_made_of_their_stream() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (consent, script) = (Uuid::now_v7(), Uuid::now_v7());
    let group = Group::new()
        .create::<Consent>(consent, grant(Uuid::now_v7()))
        .execute::<Scripted>(script, words("say one\nsay two"), None)
        .execute::<Consent>(consent, revoke(), None)
        .execute::<Consent>(consent, revoke(), None);

    let committed = journal.group(&group, &caller).await.unwrap();
    let steps = [step("consent", consent, 1), step("facility", script, 2), step("consent", consent, 2), step("consent", consent, 2)];
    assert_eq!((committed.steps.as_slice(), committed.replayed), (&steps[..], false));
    assert_eq!((committed.events.first(), committed.events.last(), committed.events.len()), (Some(&"ConsentGranted"), Some(&"ConsentRevoked"), 4));

    let again = journal.group(&group, &caller).await.unwrap();
    assert_eq!((again.steps.as_slice(), again.replayed), (&steps[..], true));
    assert_eq!(again.events, committed.events);
    let commands: Vec<Uuid> = sqlx::query_scalar("select distinct command_id from journal.events").fetch_all(&database.superuser()).await.unwrap();
    assert_eq!(commands, [caller.command_id], "so that the log takes them together");

    let single = journal.create::<Consent>(Uuid::now_v7(), grant(Uuid::now_v7()), &Caller { request: vec![], ..caller }).await.unwrap_err();
    assert!(matches!(single, CommandError::SameKeyOtherRequest), "{single:?}");
}

#[tokio::test]
async fn one_refused_step_stops_all_of_them_for_good() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (script, consent) = (Uuid::now_v7(), Uuid::now_v7());
    let group = Group::new().create::<Scripted>(script, words("claim number 7\nslot 1 2 0 30")).execute::<Consent>(consent, revoke(), None);

    for _ in 0..2 {
        let GroupError { step, error } = journal.group(&group, &caller).await.unwrap_err();
        let CommandError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!((step, refusal.rule, refusal.broken), (Some(1), "not_active", Broken::State));
        journal.create::<Consent>(consent, grant(Uuid::now_v7()), &caller.again()).await.ok();
    }
    let mut left = Vec::new();
    for table in ["events where aggregate_type = 'facility'", "claims", "slots"] {
        left.push(sqlx::query_scalar::<_, i64>(&format!("select count(*) from journal.{table}")).fetch_one(&database.superuser()).await.unwrap());
    }
    assert_eq!(left, [0, 0, 0]);
}

#[tokio::test]
async fn what_the_database_refuses_to_one_step_is_refused_to_all() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (holder, a, b) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    journal.create::<Scripted>(holder, words("claim number 7"), &caller.again()).await.unwrap();

    // that a step gives back what isn't its own frees nothing
    let group = Group::new().create::<Scripted>(a, words("slot 1 2 0 30\nrelease number 7")).create::<Scripted>(b, words("claim number 7"));
    for _ in 0..2 {
        let GroupError { step, error } = journal.group(&group, &caller).await.unwrap_err();
        assert!(step == Some(1) && matches!(&error, CommandError::Taken { kind } if kind == "number"), "{error:?}");
    }
    let events: Vec<Uuid> = sqlx::query_scalar("select aggregate_id from journal.events").fetch_all(&database.superuser()).await.unwrap();
    assert_eq!(events, [holder]);
    journal.create::<Scripted>(b, words("slot 1 2 0 30"), &caller.again()).await.unwrap();
}

#[tokio::test]
async fn a_value_and_a_time_can_change_hands_within_a_group() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let begin = Group::new().create::<Scripted>(a, words("claim number 7\nslot 1 2 0 30")).create::<Scripted>(b, words("slot 3 2 30 60"));
    journal.group(&begin, &caller).await.unwrap();

    let swap = Group::new().execute::<Scripted>(b, words("claim number 7\nslot 3 2 0 30"), Some(1)).execute::<Scripted>(
        a,
        words("release number 7\nslot 1 2 30 60"),
        Some(2),
    );
    journal.group(&swap, &caller.again()).await.unwrap();

    let taken = journal.execute::<Scripted>(a, words("claim number 7"), &caller.again(), None).await.unwrap_err();
    assert!(matches!(taken, CommandError::Taken { .. }), "{taken:?}");
}

#[tokio::test]
async fn two_steps_cannot_have_the_same() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let claims = Group::new().create::<Scripted>(a, words("claim number 7")).create::<Scripted>(b, words("claim number 7"));
    let GroupError { step, error } = journal.group(&claims, &caller).await.unwrap_err();
    assert!(step == Some(1) && matches!(error, CommandError::Taken { .. }), "{error:?}");

    let slots = Group::new().create::<Scripted>(a, words("slot 1 2 0 30")).create::<Scripted>(b, words("slot 3 2 29 40"));
    let GroupError { step, error } = journal.group(&slots, &caller.again()).await.unwrap_err();
    assert!(step == Some(1) && matches!(error, CommandError::SlotTaken { kind: SlotKind::Provider }), "{error:?}");
}

#[tokio::test]
async fn what_a_step_expects_is_what_was_there_before_the_group() {
    let database = TestDatabase::new().await;
    let (journal, caller, a) = (database.journal().await, caller(), Uuid::now_v7());
    let group = Group::new().execute::<Scripted>(a, words("say one"), Some(0)).execute::<Scripted>(a, words("say two"), Some(0));
    journal.group(&group, &caller).await.unwrap();
    assert!(journal.group(&group, &caller).await.unwrap().replayed);
    let GroupError { error, .. } = journal.group(&group, &caller.again()).await.unwrap_err();
    assert!(matches!(error, CommandError::Expected { actual: 2 }), "{error:?}");
}
