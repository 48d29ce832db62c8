//! What remains when a person's keys are destroyed?

use anamnesis_domain::consent::Consent;
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{CommandError, Group};
use uuid::Uuid;

use crate::consents::{grant, revoke};
use crate::scripted::Scripted;

/// As erasing does it: from now on nothing can be sealed or opened.
pub(crate) async fn destroy_keys(database: &TestDatabase, subject: Uuid) {
    let destroyed = sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1 and purpose = 'data'");
    let rows = destroyed.bind(subject).execute(&database.superuser()).await.unwrap().rows_affected();
    assert!(rows > 0, "the person has a key");
}

#[tokio::test]
async fn nothing_is_decided_about_whom_was_erased() {
    let database = TestDatabase::new().await;
    let (journal, caller, id, patient) = (database.journal().await, caller(), Uuid::now_v7(), Uuid::now_v7());
    journal.create::<Consent>(id, grant(patient), &caller).await.unwrap();
    destroy_keys(&database, patient).await;

    // this process still has the key in memory and can read; the append notices that it is gone
    let refused = journal.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap_err();
    assert!(matches!(refused, CommandError::Erased), "{refused:?}");
    let elsewhere = database.journal().await;
    for _ in 0..2 {
        let refused = elsewhere.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap_err();
        assert!(matches!(refused, CommandError::Erased), "{refused:?}");
    }
    let replayed = elsewhere.create::<Consent>(id, grant(patient), &caller).await.unwrap_err();
    assert!(matches!(replayed, CommandError::Erased), "{replayed:?}");
    let group = Group::new().execute::<Consent>(id, revoke(), None);
    assert!(matches!(elsewhere.group(&group, &caller.again()).await.unwrap_err().error, CommandError::Erased));
}

#[tokio::test]
async fn a_stream_about_several_goes_on_without_the_erased_one() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    journal.execute::<Scripted>(id, "say begun\nabout 11\nabout 12".to_owned(), &caller, None).await.unwrap();
    destroy_keys(&database, Uuid::from_u128(11)).await;

    let elsewhere = database.journal().await;
    let committed = elsewhere.execute::<Scripted>(id, "say more".to_owned(), &caller.again(), None).await.unwrap();
    assert_eq!(committed.sequence, 4);
    let refused = elsewhere.execute::<Scripted>(id, "about 11".to_owned(), &caller.again(), None).await.unwrap_err();
    assert!(matches!(refused, CommandError::Erased), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_was_lost_is_made_again() {
    let database = TestDatabase::new().await;
    let (journal, caller, id, patient) = (database.journal().await, caller(), Uuid::now_v7(), Uuid::now_v7());
    let vault = database.vault().await;
    let journal_with_memory = anamnesis_journal::Journal::open(
        database.pool(anamnesis_journal::Role::Writer),
        vault.clone(),
        anamnesis_journal::JournalSettings::default(),
    );
    vault.key(anamnesis_vault::KeyOwner::data(caller.organization_id, patient)).await.unwrap();
    // as if Postgres had crashed before it flushed the new key
    let superuser = database.superuser();
    sqlx::query("alter table journal.keys disable trigger keys_are_kept").execute(&superuser).await.unwrap();
    sqlx::query("delete from journal.keys where subject_id = $1").bind(patient).execute(&superuser).await.unwrap();

    journal_with_memory.create::<Consent>(id, grant(patient), &caller).await.unwrap();
    assert_eq!(journal.execute::<Consent>(id, revoke(), &caller.again(), None).await.unwrap().sequence, 2);
}
