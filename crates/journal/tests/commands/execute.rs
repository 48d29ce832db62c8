//! One command at a time.

use anamnesis_domain::consent::{Consent, ConsentError};
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Used};
use uuid::Uuid;

use crate::consents::{grant, revoke};

#[tokio::test]
async fn a_command_becomes_events_and_the_next_one_sees_them() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());

    let granted = journal.create::<Consent>(id, grant(Uuid::now_v7()), &caller).await.unwrap();
    assert_eq!((granted.sequence, granted.events.len(), granted.replayed), (1, 1, false));

    let revoked = journal.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap();
    assert_eq!((revoked.sequence, revoked.events[0].sequence), (2, 2));

    let held_already = journal.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap();
    assert_eq!((held_already.sequence, held_already.events.len()), (2, 0));
}

#[tokio::test]
async fn asking_again_gets_the_same_answer_and_has_no_effect() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    let first = journal.create::<Consent>(id, grant(Uuid::now_v7()), &caller).await.unwrap();

    // the rules would refuse it by now, and the id was chosen by the server
    let again = journal.create::<Consent>(Uuid::now_v7(), grant(Uuid::now_v7()), &caller).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.aggregate_id, again.sequence), (id, 1));
    assert!(again.events == first.events, "the same events, with the same ids");

    let again = journal.execute::<Consent>(id, grant(Uuid::now_v7()), &caller, Some(0)).await.unwrap();
    assert!(again.replayed, "although the stream is no longer where the caller expects it");

    let other_request = Caller { request: b"another".to_vec(), ..caller };
    let refused = journal.execute::<Consent>(id, revoke(), &other_request, None).await.unwrap_err();
    assert!(matches!(refused, CommandError::SameKeyOtherRequest), "{refused:?}");
}

#[tokio::test]
async fn whether_command_ids_were_used_can_be_seen_without_a_command() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    journal.create::<Consent>(id, grant(Uuid::now_v7()), &caller).await.unwrap();
    let refused = caller.again();
    journal.execute::<Consent>(Uuid::now_v7(), revoke(), &refused, None).await.unwrap_err();

    let ids = [Uuid::now_v7(), refused.command_id, caller.command_id];
    assert_eq!(journal.used(&caller, &ids).await.unwrap(), [Used::Not, Used::Refused, Used::ForThis]);
    let other_request = Caller { request: b"another".to_vec(), ..caller.clone() };
    assert_eq!(journal.used(&other_request, &ids).await.unwrap(), [Used::Not, Used::ForAnother, Used::ForAnother]);
    let other_caller = Caller { actor_id: Uuid::now_v7(), ..caller };
    assert_eq!(journal.used(&other_caller, &ids).await.unwrap(), [Used::Not; 3]);
}

#[tokio::test]
async fn a_refusal_is_an_answer_too() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    let never_granted = caller.again();
    let refused = journal.execute::<Consent>(id, revoke(), &never_granted, None).await.unwrap_err();
    assert!(matches!(refused, CommandError::Refused(ConsentError::NotActive)), "{refused:?}");

    journal.create::<Consent>(id, grant(Uuid::now_v7()), &caller).await.unwrap();
    let still_refused = journal.execute::<Consent>(id, revoke(), &never_granted, None).await.unwrap_err();
    assert!(matches!(still_refused, CommandError::Refused(ConsentError::NotActive)), "{still_refused:?}");
    assert_eq!(journal.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap().sequence, 2);
}

#[tokio::test]
async fn a_caller_may_say_what_it_has_seen() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    journal.create::<Consent>(id, grant(Uuid::now_v7()), &caller).await.unwrap();

    let stale = journal.execute::<Consent>(id, revoke(), &caller.again(), Some(7)).await.unwrap_err();
    assert!(matches!(stale, CommandError::Expected { actual: 1 }), "{stale:?}");
    assert_eq!(journal.execute::<Consent>(id, revoke(), &caller.again(), Some(1)).await.unwrap().sequence, 2);
}

#[tokio::test]
async fn a_stream_of_another_organization_looks_like_none() {
    let database = TestDatabase::new().await;
    let (journal, ours, theirs, id) = (database.journal().await, caller(), caller(), Uuid::now_v7());
    journal.create::<Consent>(id, grant(Uuid::now_v7()), &theirs).await.unwrap();

    let foreign = journal.execute::<Consent>(id, revoke(), &ours, None).await.unwrap_err();
    let absent = journal.execute::<Consent>(Uuid::now_v7(), revoke(), &ours.again(), None).await.unwrap_err();
    assert_eq!(format!("{foreign:?}"), format!("{absent:?}"));

    let taken = journal.create::<Consent>(id, grant(Uuid::now_v7()), &ours.again()).await.unwrap_err();
    assert!(matches!(taken, CommandError::NotFound), "{taken:?}");
    assert_eq!(journal.execute::<Consent>(id, revoke(), &theirs.again(), None).await.unwrap().sequence, 2);
}
