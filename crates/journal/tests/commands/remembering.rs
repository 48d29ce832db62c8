//! A state that this process remembers saves reading the stream, and nothing is ever answered from one that is outdated.

use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Committed, Journal, JournalSettings};
use uuid::Uuid;

use crate::erasure::destroy_keys;
use crate::scripted::{Scripted, number};
use crate::snapshots::spoil_events_before;

/// Two processes: the first one remembers a stream of two words, which the second has made longer by one.
struct Overtaken {
    _database: TestDatabase,
    first: Journal,
    caller: Caller,
    id: Uuid,
}

async fn overtaken() -> Overtaken {
    let database = TestDatabase::new().await;
    let (first, second, caller, id) = (database.journal().await, database.journal().await, caller(), Uuid::now_v7());
    first.create::<Scripted>(id, "say one".to_owned(), &caller).await.unwrap();
    first.execute::<Scripted>(id, "say two".to_owned(), &caller.again(), None).await.unwrap();
    second.execute::<Scripted>(id, "say three".to_owned(), &caller.again(), None).await.unwrap();
    Overtaken { _database: database, first, caller, id }
}

impl Overtaken {
    async fn execute(
        &self,
        script: &str,
        expected: Option<u64>,
    ) -> Result<Committed<Scripted>, CommandError<anamnesis_domain::facility::FacilityError>> {
        self.first.execute::<Scripted>(self.id, script.to_owned(), &self.caller.again(), expected).await
    }
}

#[tokio::test]
async fn what_is_remembered_is_not_read() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    journal.create::<Scripted>(id, "say one".to_owned(), &caller).await.unwrap();
    journal.execute::<Scripted>(id, "say two".to_owned(), &caller.again(), None).await.unwrap();
    spoil_events_before(&database, id, 2).await;
    assert_eq!(journal.execute::<Scripted>(id, "say three".to_owned(), &caller.again(), None).await.unwrap().sequence, 3);

    let forgetful = database.journal_with(JournalSettings { states_bytes: 0, ..JournalSettings::default() }).await;
    let failed = forgetful.execute::<Scripted>(id, "say four".to_owned(), &caller.again(), None).await.unwrap_err();
    assert!(matches!(failed, CommandError::Internal(_)), "{failed:?}");
}

#[tokio::test]
async fn what_another_process_has_added_is_seen_before_anything_is_appended() {
    let overtaken = overtaken().await;
    assert_eq!(overtaken.execute("say four", None).await.unwrap().sequence, 4);
    assert_eq!(overtaken.execute("say five", None).await.unwrap().sequence, 5);
}

#[tokio::test]
async fn nobody_is_refused_for_what_is_so_no_more() {
    assert_eq!(overtaken().await.execute("refuse below 3", None).await.unwrap().sequence, 4);
    let refused = overtaken().await.execute("refuse below 4", None).await.unwrap_err();
    assert!(matches!(refused, CommandError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_taken_for_done_that_is_so_no_more() {
    assert_eq!(overtaken().await.execute("nothing below 3", None).await.unwrap().sequence, 4);
    let nothing = overtaken().await.execute("nothing below 4", None).await.unwrap();
    assert_eq!((nothing.sequence, nothing.events.len()), (3, 0));
}

#[tokio::test]
async fn who_has_seen_more_than_is_remembered_is_right() {
    assert_eq!(overtaken().await.execute("say four", Some(3)).await.unwrap().sequence, 4);
    let stale = overtaken().await.execute("say four", Some(2)).await.unwrap_err();
    assert!(matches!(stale, CommandError::Expected { actual: 3 }), "{stale:?}");
}

#[tokio::test]
async fn nothing_is_decided_about_whom_was_erased_even_if_remembered() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), number("11"));
    journal.create::<Scripted>(id, "about 11".to_owned(), &caller).await.unwrap();
    journal.execute::<Scripted>(id, "about 11".to_owned(), &caller.again(), None).await.unwrap();
    destroy_keys(&database, id).await;
    let erased = journal.execute::<Scripted>(id, "about 11".to_owned(), &caller.again(), None).await.unwrap_err();
    assert!(matches!(erased, CommandError::Erased), "{erased:?}");
}

#[tokio::test]
async fn another_organization_is_remembered_nothing() {
    let database = TestDatabase::new().await;
    let (journal, ours, id) = (database.journal().await, caller(), Uuid::now_v7());
    journal.create::<Scripted>(id, "say one".to_owned(), &ours).await.unwrap();
    journal.execute::<Scripted>(id, "say two".to_owned(), &ours.again(), None).await.unwrap();
    let foreign = journal.execute::<Scripted>(id, "say two".to_owned(), &caller(), None).await.unwrap_err();
    assert!(matches!(foreign, CommandError::NotFound), "{foreign:?}");
}
