//! Where does the key of somebody come from of whom nothing was stored before?

use anamnesis_journal::CommandError;
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_vault::KeyOwner;
use uuid::Uuid;

use crate::erasure::destroy_keys;
use crate::scripted::{Scripted, number};

async fn keys_of(database: &TestDatabase, subject: Uuid) -> Vec<Uuid> {
    let keys = sqlx::query_scalar("select key_id from journal.keys where subject_id = $1");
    keys.bind(subject).fetch_all(&database.superuser()).await.unwrap()
}

#[tokio::test]
async fn the_key_is_stored_with_the_first_event() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), number("11"));
    journal.create::<Scripted>(id, "about 11".to_owned(), &caller).await.unwrap();
    assert_eq!(keys_of(&database, id).await.len(), 1);
    for journal in [journal, database.journal().await] {
        journal.execute::<Scripted>(id, "about 11".to_owned(), &caller.again(), None).await.unwrap();
    }
    assert_eq!(keys_of(&database, id).await.len(), 1);
}

#[tokio::test]
async fn who_was_refused_leaves_no_key() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    journal.create::<Scripted>(number("11"), "about 11\nclaim number 7".to_owned(), &caller).await.unwrap();
    let refused = journal.create::<Scripted>(number("12"), "about 12\nclaim number 7".to_owned(), &caller.again()).await.unwrap_err();
    assert!(matches!(refused, CommandError::Taken { .. }), "{refused:?}");
    assert!(keys_of(&database, number("12")).await.is_empty());
    // and the next who wants to be that person begins anew
    journal.create::<Scripted>(number("12"), "about 12".to_owned(), &caller.again()).await.unwrap();
    assert_eq!(keys_of(&database, number("12")).await.len(), 1);
}

#[tokio::test]
async fn who_is_no_newcomer_keeps_the_key() {
    let database = TestDatabase::new().await;
    let (journal, elsewhere, caller, id) = (database.journal().await, database.vault().await, caller(), number("11"));
    let key = elsewhere.key(KeyOwner::data(caller.organization_id, id)).await.unwrap();
    let committed = journal.create::<Scripted>(id, "about 11".to_owned(), &caller).await.unwrap();
    assert_eq!((committed.sequence, keys_of(&database, id).await), (1, vec![key.id()]));
}

#[tokio::test]
async fn who_was_erased_gets_no_second_key() {
    let database = TestDatabase::new().await;
    let (journal, elsewhere, caller, id) = (database.journal().await, database.vault().await, caller(), number("11"));
    elsewhere.key(KeyOwner::data(caller.organization_id, id)).await.unwrap();
    destroy_keys(&database, id).await;
    let refused = journal.create::<Scripted>(id, "about 11".to_owned(), &caller).await.unwrap_err();
    assert!(matches!(refused, CommandError::Erased), "{refused:?}");
    assert_eq!(keys_of(&database, id).await.len(), 1);
}

#[tokio::test]
async fn many_newcomers_at_once_and_one_who_is_none() {
    let database = TestDatabase::new().await;
    let (journal, elsewhere, caller) = (database.journal().await, database.vault().await, caller());
    elsewhere.key(KeyOwner::data(caller.organization_id, number("30"))).await.unwrap();
    let create = |n: u32| {
        let (journal, caller) = (journal.clone(), caller.again());
        async move { journal.create::<Scripted>(number(&n.to_string()), format!("about {n}"), &caller).await.map(|committed| committed.sequence) }
    };
    for sequence in futures::future::join_all((20..40).map(create)).await {
        assert_eq!(sequence.unwrap(), 1);
    }
    for n in 20..40 {
        assert_eq!(keys_of(&database, number(&n.to_string())).await.len(), 1, "{n}");
    }
}
