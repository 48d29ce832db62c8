//! Does a reader get what was written, all of it, in order, and nothing else?

use std::sync::Arc;
use std::time::Duration;

use anamnesis_codec::{encode, encode_origin};
use anamnesis_domain::consent::{Consent, ConsentEvent, ConsentRevoked};
use anamnesis_domain::{Instant, Opened, Origin};
use anamnesis_journal::log::{Log, LogError, SealedEntry, Unopened, Why, open};
use anamnesis_vault::{Context, EventContext, KeyOwner, Keyring, Purpose, Vault, VaultSettings};
use chrono::{DateTime, Utc};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::{Database, NewEvent, SOON, append, stream};

/// Seals events as an append does.
struct Sealer {
    vault: Vault,
    organization: Uuid,
    _keyring: TempDir,
}

impl Sealer {
    async fn new(database: &Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::open_or_create(&folder.path().join("keyring")).unwrap());
        let vault = Vault::open(database.writer.clone(), keyring, VaultSettings::default()).await.unwrap();
        Self { vault, organization: Uuid::new_v4(), _keyring: folder }
    }

    async fn seal(&self, event: NewEvent, what: &ConsentEvent, origin: Option<&Origin>) -> NewEvent {
        let encoded = encode::<Consent>(what).unwrap();
        let mut event = NewEvent {
            organization_id: self.organization,
            event_type: encoded.kind.name,
            event_version: encoded.kind.version,
            fingerprint: encoded.fingerprint,
            metadata_subject_id: self.organization,
            metadata: vec![],
            ..event
        };
        let key = self.vault.key(KeyOwner::data(self.organization, event.subject_id)).await.unwrap();
        event.payload = key.seal(&Context::event(&place(&event, event.subject_id)), &encoded.bytes).into_bytes();
        if let Some(origin) = origin {
            let key = self.vault.key(KeyOwner::organization(self.organization, Purpose::Audit)).await.unwrap();
            event.metadata = key.seal(&Context::metadata(&place(&event, self.organization)), &encode_origin(origin).unwrap()).into_bytes();
        }
        event
    }
}

fn place(event: &NewEvent, subject: Uuid) -> EventContext<'_> {
    EventContext {
        organization: event.organization_id,
        aggregate_type: event.aggregate_type,
        aggregate_id: event.aggregate_id,
        sequence: event.sequence,
        event_id: event.event_id,
        event_type: event.event_type,
        event_version: event.event_version,
        fingerprint: event.fingerprint,
        subject,
    }
}

fn revoked(at: i64) -> ConsentEvent {
    ConsentRevoked { revoked_at: Instant::from_micros(at), reason: None }.into()
}

fn origin() -> Origin {
    Origin { ip_address: Some("192.0.2.7".to_owned()), ..Origin::default() }
}

#[tokio::test]
async fn a_reader_gets_the_event_that_was_sealed_and_where_it_came_from() {
    let database = Database::new().await;
    let sealer = Sealer::new(&database).await;
    let written = sealer.seal(NewEvent::new(Uuid::new_v4(), 1), &revoked(5), Some(&origin())).await;
    let silent = sealer.seal(NewEvent::new(Uuid::new_v4(), 2), &revoked(6), None).await;
    let (_handle, _running) = database.sequence();
    database.append(&[written.clone(), silent]).await;
    database.logged(2).await;

    let entries = Log::new(database.writer.clone()).read_after(0, 10).await.unwrap();
    let opened = open(entries, &sealer.vault).await.unwrap();
    let [Ok(first), Ok(second)] = &opened[..] else { panic!("{opened:?}") };
    assert_eq!(first.event, Opened::Value(revoked(5).into()));
    assert_eq!(first.origin, Opened::Value(origin()));
    assert_eq!(second.event, Opened::Value(revoked(6).into()));
    assert_eq!(second.origin, Opened::Value(Origin::default()));
    assert_eq!((first.position, first.sequence, first.aggregate_id), (1, 1, written.aggregate_id));
    assert_eq!((first.aggregate_type, first.event_type.as_str()), ("consent", "ConsentRevoked"));
    assert_eq!((first.event_id, first.command_id, first.organization_id), (written.event_id, written.command_id, sealer.organization));
    assert_eq!((first.causation_id, second.causation_id.is_some()), (None, true));
    assert_eq!(first.recorded_at, written.recorded_at.into());
}

#[tokio::test]
async fn what_was_erased_is_told_as_erased_and_its_origin_still_opens() {
    let database = Database::new().await;
    let sealer = Sealer::new(&database).await;
    let (_handle, _running) = database.sequence();
    let (erased, kept) = (NewEvent::new(Uuid::new_v4(), 1), NewEvent::new(Uuid::new_v4(), 1));
    let erased = sealer.seal(erased, &revoked(1), Some(&origin())).await;
    let kept = sealer.seal(kept, &revoked(2), Some(&origin())).await;
    database.append(&[erased.clone(), kept]).await;
    database.logged(2).await;
    let key = sealer.vault.key(KeyOwner::data(sealer.organization, erased.subject_id)).await.unwrap();
    database.execute(&format!("update journal.keys set state = 'destroyed', wraps = '{{}}' where key_id = '{}'", key.id())).await;
    sealer.vault.forget(key.id());

    let entries = Log::new(database.writer.clone()).read_after(0, 10).await.unwrap();
    let opened: Vec<_> = open(entries, &sealer.vault).await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(opened[0].event, Opened::Erased);
    assert_eq!(opened[0].origin, Opened::Value(origin()));
    assert_eq!(opened[1].event, Opened::Value(revoked(2).into()));
}

/// More than are opened on the spot, so on several threads; and in order all the same.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_entry_is_told_alone_and_the_rest_of_a_large_batch_opens_in_order() {
    let database = Database::new().await;
    let sealer = Sealer::new(&database).await;
    let (_handle, _running) = database.sequence();
    let (id, subject, mut events) = (Uuid::new_v4(), Uuid::new_v4(), vec![]);
    for sequence in 1..=600 {
        let event = NewEvent { subject_id: subject, ..NewEvent::new(id, sequence) };
        events.push(sealer.seal(event, &revoked(sequence.cast_signed()), None).await);
    }
    database.append(&events).await;
    database.logged(600).await;
    let mut entries = Log::new(database.writer.clone()).read_after(0, 1000).await.unwrap();
    entries[299].recorded_at = Instant::from_micros(0);
    entries[399].payload = entries[400].payload.clone();
    entries[399].row_hash = entries[399].row().hash();

    let opened = open(entries, &sealer.vault).await.unwrap();
    let problems: Vec<&Unopened> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
    assert_eq!(problems.iter().map(|problem| problem.position).collect::<Vec<_>>(), [300, 400]);
    assert_eq!(problems[0].why, Why::Altered);
    assert!(matches!(problems[1].why, Why::Sealed(_)), "a value that was moved opened: {}", problems[1]);
    let positions = opened.iter().map(|opened| opened.as_ref().map_or_else(|problem| problem.position, |event| event.position));
    assert!(positions.eq(1..=600));
    assert_eq!(opened[599].as_ref().unwrap().event, Opened::Value(revoked(600).into()));
}

#[tokio::test]
async fn a_reader_gets_every_position_in_chunks_and_then_nothing() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    database.append(&stream(10)).await;
    database.logged(10).await;
    let log = Log::new(database.writer.clone());
    let mut positions = vec![];
    loop {
        let entries = log.read_after(positions.last().copied().unwrap_or(0), 4).await.unwrap();
        if entries.is_empty() {
            break;
        }
        positions.extend(entries.iter().map(|entry| entry.position));
    }
    assert!(positions.iter().copied().eq(1..=10));
}

#[tokio::test]
async fn a_reader_stops_at_a_gap_and_names_it() {
    for (missing, chunk) in [(1, 10), (3, 10), (3, 2), (5, 10), (5, 4)] {
        let database = Database::new().await;
        let (_handle, running) = database.sequence();
        database.append(&stream(5)).await;
        database.logged(5).await;
        drop(running);
        database.execute(&format!("set session_replication_role = replica; delete from journal.log where position = {missing}")).await;
        let log = Log::new(database.writer.clone());
        let mut after = 0;
        let error = loop {
            match log.read_after(after, chunk).await {
                Ok(entries) if entries.is_empty() => panic!("position {missing} is missing, and nobody noticed"),
                Ok(entries) => after = entries.last().unwrap().position,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::Gap { expected } if expected == missing), "{error}");
        let before = log.read_after(0, u32::try_from(missing - 1).unwrap()).await.unwrap();
        assert_eq!(before.len() as u64, missing - 1);
    }
}

/// Pages that are copied out, and how that ended.
async fn copied(log: &Log, after: u64, limit: u32, bytes: usize) -> (Vec<Vec<SealedEntry>>, Result<u64, LogError>) {
    let (sender, mut receiver) = mpsc::channel(100);
    let ended = log.copy_after(after, limit, bytes, &sender).await;
    drop(sender);
    let mut pages = vec![];
    while let Some(page) = receiver.recv().await {
        pages.push(page);
    }
    (pages, ended)
}

#[tokio::test]
async fn a_backlog_is_what_is_read_page_by_page() {
    let database = Database::new().await;
    let sealer = Sealer::new(&database).await;
    let (_handle, _running) = database.sequence();
    let with_origin = sealer.seal(NewEvent::new(Uuid::new_v4(), 1), &revoked(5), Some(&origin())).await;
    database.append(&[vec![with_origin], stream(6)].concat()).await;
    database.logged(7).await;
    let log = Log::new(database.writer.clone());
    let read = log.read_after(0, 100).await.unwrap();
    for (after, limit, bytes, sizes) in
        [(0, 100, usize::MAX, vec![7]), (0, 3, usize::MAX, vec![3, 3, 1]), (4, 100, 1, vec![1, 1, 1]), (7, 3, 1, vec![])]
    {
        let (pages, ended) = copied(&log, after, limit, bytes).await;
        assert_eq!(ended.unwrap(), 7);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat(), read[usize::try_from(after).unwrap()..]);
    }
}

#[tokio::test]
async fn a_backlog_that_nobody_wants_any_more_ends_and_disturbs_nobody() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    database.append(&stream(6)).await;
    database.logged(6).await;
    let log = Log::new(database.writer.clone());
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    assert_eq!(log.copy_after(0, 2, usize::MAX, &sender).await.unwrap(), 2);
    for _ in 0..20 {
        assert_eq!(log.read_after(0, 100).await.unwrap().len(), 6);
    }
}

#[tokio::test]
async fn a_backlog_ends_at_a_gap_or_an_event_that_is_gone() {
    for missing in [1, 3, 5] {
        let database = Database::new().await;
        let (_handle, running) = database.sequence();
        database.append(&stream(5)).await;
        database.logged(5).await;
        drop(running);
        let log = Log::new(database.writer.clone());
        database.execute(&format!("set session_replication_role = replica; delete from journal.events where sequence = {missing}")).await;
        let (pages, ended) = copied(&log, 0, 1, usize::MAX).await;
        assert!(matches!(ended, Err(LogError::Altered { position, .. }) if position == missing));
        assert_eq!(pages.len() as u64, missing - 1);
        database.execute(&format!("set session_replication_role = replica; delete from journal.log where position = {missing}")).await;
        let (pages, ended) = copied(&log, 0, 1, usize::MAX).await;
        assert!(matches!(ended, Err(LogError::Gap { expected }) if expected == missing), "{ended:?}");
        assert_eq!(pages.len() as u64, missing - 1);
    }
}

#[tokio::test]
async fn a_reader_stops_where_the_event_is_gone() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let events = stream(3);
    database.append(&events).await;
    database.logged(3).await;
    database.execute("set session_replication_role = replica; delete from journal.events where sequence = 2").await;
    let log = Log::new(database.writer.clone());
    let error = log.read_after(0, 10).await.unwrap_err();
    assert!(matches!(error, LogError::Altered { position: 2, .. }), "{error}");
    assert_eq!(log.read_after(2, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_subjects_entries_and_a_streams_entries_are_theirs_alone() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let subject = Uuid::new_v4();
    let mut mine = stream(4);
    for event in &mut mine {
        event.subject_id = subject;
    }
    let others = stream(4);
    let mixed: Vec<NewEvent> = mine.iter().zip(&others).flat_map(|(mine, other)| [mine.clone(), other.clone()]).collect();
    database.append(&mixed).await;
    database.logged(8).await;
    let log = Log::new(database.writer.clone());

    let positions = |entries: Vec<anamnesis_journal::log::SealedEntry>| entries.iter().map(|entry| entry.position).collect::<Vec<_>>();
    assert_eq!(positions(log.of_subject(subject, 0, 8, 100).await.unwrap()), [1, 3, 5, 7]);
    assert_eq!(positions(log.of_subject(subject, 1, 6, 100).await.unwrap()), [3, 5]);
    assert_eq!(positions(log.of_subject(subject, 0, 8, 2).await.unwrap()), [1, 3]);
    assert_eq!(positions(log.of_stream("consent", others[0].aggregate_id, 0, 100).await.unwrap()), [2, 4, 6, 8]);
    assert_eq!(positions(log.of_stream("consent", others[0].aggregate_id, 2, 1).await.unwrap()), [6]);
    assert!(log.of_stream("patient", others[0].aggregate_id, 0, 100).await.unwrap().is_empty());
    assert_eq!(log.position_of("consent", mine[2].aggregate_id, 3).await.unwrap(), Some(5));
    assert_eq!(log.position_of("consent", mine[2].aggregate_id, 9).await.unwrap(), None);
}

#[tokio::test]
async fn many_who_wait_for_positions_each_get_their_own() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let log = &Log::new(database.writer.clone());
    let streams: Vec<_> = (0..20).map(|_| stream(2)).collect();
    let waiting = streams.iter().flatten().map(|event| log.position_soon("consent", event.aggregate_id, event.sequence, SOON));
    let (found, ()) = futures::join!(futures::future::join_all(waiting), async {
        for stream in &streams {
            database.append(stream).await;
        }
    });
    for (event, found) in streams.iter().flatten().zip(found) {
        let expected = log.position_of("consent", event.aggregate_id, event.sequence).await.unwrap();
        assert!(expected.is_some() && found.unwrap() == expected);
    }
    let (first, brief) = (&streams[0][0], Duration::from_millis(20));
    assert!(log.position_soon("consent", first.aggregate_id, 1, brief).await.unwrap().is_some(), "it is there already");
    assert_eq!(log.position_soon("consent", first.aggregate_id, 3, brief).await.unwrap(), None);
}

#[tokio::test]
async fn whole_streams_come_in_pages_that_end_early_when_events_are_long() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let mut streams = [stream(4), stream(4)];
    for event in streams.iter_mut().flatten() {
        event.payload.resize(3 << 20, 7);
    }
    database.append(&streams.concat()).await;
    database.logged(8).await;
    let log = Log::new(database.writer.clone());
    streams.sort_by_key(|stream| stream[0].aggregate_id);
    let expected: Vec<_> = streams.iter().flatten().map(|event| (event.aggregate_id, event.sequence)).collect();
    // three times three MiB are more than a page holds; a smaller limit comes first
    for (limit, sizes) in [(100, [3, 3, 2].as_slice()), (2, &[2, 2, 2, 2]), (3, &[3, 3, 2])] {
        let (mut found, mut pages, mut last) = (vec![], vec![], None);
        loop {
            let page = log.in_stream_order(&["consent"], last.as_ref(), 8, limit).await.unwrap();
            let Some(end) = page.last() else { break };
            found.extend(page.iter().map(|entry| (entry.aggregate_id, entry.sequence)));
            pages.push(page.len());
            last = Some(end.clone());
        }
        assert_eq!((found, pages.as_slice()), (expected.clone(), sizes));
    }
    let as_of_five: Vec<_> = log.in_stream_order(&["consent"], None, 5, 2).await.unwrap().iter().map(|entry| entry.position).collect();
    assert!(as_of_five.iter().all(|position| *position <= 5), "{as_of_five:?}");
    assert!(log.in_stream_order(&["patient"], None, 8, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_with_a_missing_event_is_not_read() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let events = stream(3);
    database.append(&events).await;
    database.logged(3).await;
    database.execute("set session_replication_role = replica; delete from journal.log where sequence = 2").await;
    let error = Log::new(database.writer.clone()).of_stream("consent", events[0].aggregate_id, 0, 10).await.unwrap_err();
    assert!(matches!(error, LogError::StreamGap { expected: 2, .. }), "{error}");
}

#[tokio::test]
async fn an_instant_is_one_position_for_ever() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let log = Log::new(database.writer.clone());
    let mut known: Vec<(Instant, u64)> = vec![];
    for events in 1..=12 {
        database.append(&stream(events)).await;
        let end = known.last().map_or(0, |(_, position)| *position) + events;
        let head = log.wait_for(end, SOON).await.unwrap();
        known.push((head.logged_at, end));
    }
    for (time, position) in &known {
        assert_eq!(log.position_at(*time).await.unwrap(), Some(*position), "{time}");
    }
    let batches: Vec<(DateTime<Utc>, i64, i64)> =
        sqlx::query_as("select logged_at, min(position), max(position) from journal.log group by 1 order by 1")
            .fetch_all(&database.owner)
            .await
            .unwrap();
    for (time, first, last) in batches {
        let time = Instant::from(time);
        assert_eq!(log.position_at(time).await.unwrap(), Some(last.cast_unsigned()));
        assert_eq!(log.position_at(Instant::from_micros(time.micros() - 1)).await.unwrap(), Some(first.cast_unsigned() - 1));
    }
    assert_eq!(log.position_at(Instant::from_micros(Utc::now().timestamp_micros() + 60_000_000)).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_waits_is_told_at_once_and_only_when_it_is_so() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let log = Log::new(database.writer.clone());
    assert_eq!(log.wait_for(1, Duration::from_millis(300)).await, None);
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.wait_for(2, SOON).await }
    });
    database.append(&stream(1)).await;
    database.logged(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    database.append(&stream(1)).await;
    assert_eq!(waiting.await.unwrap().map(|head| head.position), Some(2));
}

#[tokio::test]
async fn a_lost_listening_connection_is_found_again() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let log = Log::new(database.writer.clone());
    for position in 1..=3 {
        append(&mut database.connect().await, &stream(1)).await.unwrap();
        assert!(log.wait_for(position, SOON).await.is_some());
        database
            .execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
            .await;
    }
}
