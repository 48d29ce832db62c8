//! Is whatever was tampered with found, and named?

use std::fmt::Write as _;

use anamnesis_journal::verify::{Depth, Report, Trust, verify};
use anamnesis_journal::{Role, pool_as};
use uuid::Uuid;

use crate::following::{SignerFile, follow};
use crate::support::{Database, NewEvent, SOON, append, stream};

/// 600 events in the log (two full tiles and an edge) with heads at 300 and 600, and three events in the queue.
struct Journal {
    database: Database,
    trust: Trust,
    _signer: SignerFile,
}

impl Journal {
    async fn new() -> Self {
        let database = Database::new().await;
        let signer = SignerFile::new();
        let running = database.sequence();
        let (follower, following) = follow(&database, &signer);
        for size in [300, 600] {
            let streams: Vec<Vec<NewEvent>> = (0..30).map(|_| stream(10)).collect();
            // side by side, so that a stream's events aren't neighbours in the log
            let mixed: Vec<NewEvent> = (0..10).flat_map(|i| streams.iter().map(move |stream| stream[i].clone())).collect();
            database.append(&mixed).await;
            follower.signed(size, SOON).await.unwrap();
        }
        drop((running, following));
        database.rest().await;
        database.append(&stream(3)).await;
        let trust = Trust::in_signer(&signer.open()).unwrap();
        Self { database, trust, _signer: signer }
    }

    /// What is found in a copy after a superuser has run `sql` in it, past all triggers.
    async fn tampered(&self, sql: &str) -> Report {
        let copy = Database::copy(&self.database).await;
        copy.execute(&format!("set session_replication_role = replica; {sql}; reset session_replication_role")).await;
        self.verify(&copy).await
    }

    async fn verify(&self, database: &Database) -> Report {
        verify(&database.owner, &self.trust, Depth::Full, &|_, _| {}).await.unwrap()
    }
}

fn told(report: &Report) -> String {
    report.findings.iter().fold(String::new(), |mut told, finding| {
        writeln!(told, "{finding}").unwrap();
        told
    })
}

#[tokio::test]
async fn what_nobody_touched_is_sound() {
    let journal = Journal::new().await;
    let auditor = pool_as(&journal.database.url(), Role::Auditor, 4).unwrap();
    for depth in [Depth::Log, Depth::Full] {
        let report = verify(&auditor, &journal.trust, depth, &|_, _| {}).await.unwrap();
        assert!(report.is_sound(), "{}", told(&report));
        assert_eq!((report.entries, report.queued, report.tiles), (600, 3, 2));
        // two stored ones, and the one that the signer remembers
        assert_eq!(report.heads, 3);
        assert_eq!(report.head, journal.trust.heads[0].head());
        assert_eq!((report.events, report.streams), if depth == Depth::Full { (603, 61) } else { (0, 0) });
    }
}

#[tokio::test]
async fn an_empty_journal_is_sound() {
    let database = Database::new().await;
    let trust = Trust::in_signer(&SignerFile::new().open()).unwrap();
    let report = verify(&database.writer, &trust, Depth::Full, &|_, _| {}).await.unwrap();
    assert!(report.is_sound(), "{}", told(&report));
    assert_eq!((report.entries, report.head.size, report.logged_at), (0, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_grows_meanwhile_is_sound() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    let (follower, _following) = follow(&database, &signer);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (pool, follower) = (database.writer.clone(), follower.clone());
        writers.spawn(async move {
            loop {
                append(&mut pool.acquire().await.unwrap(), &stream(20)).await.unwrap();
                follower.signed(follower.health().size + 1, SOON).await.unwrap();
            }
        });
    }
    follower.signed(1, SOON).await.unwrap();
    for _ in 0..10 {
        let trust = Trust::in_signer(&signer.open()).unwrap();
        let report = verify(&database.writer, &trust, Depth::Full, &|_, _| {}).await.unwrap();
        assert!(report.is_sound(), "{}", told(&report));
    }
    writers.abort_all();
}

/// The list of columns comes from the catalogue: a column that is added and not proved fails here.
#[tokio::test]
async fn one_changed_value_in_any_column_is_found_and_its_position_named() {
    let journal = Journal::new().await;
    for table in ["events", "log"] {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select column_name::text, data_type::text from information_schema.columns
             where table_schema = 'journal' and table_name = $1 order by ordinal_position",
        )
        .bind(table)
        .fetch_all(&journal.database.owner)
        .await
        .unwrap();
        assert!(columns.len() >= 9);
        for (column, data_type) in columns {
            let changed = match data_type.as_str() {
                "uuid" => "gen_random_uuid()".to_owned(),
                "bigint" | "integer" => format!("{column} + 1000000"),
                "text" => format!("{column} || 'x'"),
                "timestamp with time zone" => format!("{column} + interval '1 microsecond'"),
                "bytea" => format!("set_byte({column}, 7, get_byte({column}, 7) # 1)"),
                other => panic!("how is a {other} changed?"),
            };
            // in a full tile; the log also in the tree's edge
            for position in if table == "log" { &[200, 599][..] } else { &[200] } {
                let report = journal
                    .tampered(&format!(
                        "alter table journal.events alter column arrival drop identity;
                         update journal.{table} set {column} = {changed}
                         where arrival = (select arrival from journal.log where position = {position})"
                    ))
                    .await;
                assert!(!report.is_sound(), "{table}.{column} was changed, and nobody noticed");
                assert_eq!(report.findings[0].position, Some(*position), "{table}.{column}:\n{}", told(&report));
            }
        }
    }
}

#[tokio::test]
async fn rows_that_were_deleted_added_or_swapped_are_found() {
    let journal = Journal::new().await;
    let rogue = "insert into journal.events (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version,
            fingerprint, subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)
        select organization_id, aggregate_type, aggregate_id, sequence + 1, event_id, event_type, event_version,
            fingerprint, subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash
        from journal.events where arrival = 600";
    let at = |position: i64| format!("(select arrival from journal.log where position = {position})");
    for (sql, position, words) in [
        (format!("delete from journal.events where arrival = {}", at(300)), Some(300), "its event is gone"),
        ("delete from journal.log where position = 300".to_owned(), Some(300), "gap"),
        ("delete from journal.log where position = 1".to_owned(), Some(1), "gap"),
        ("delete from journal.log where position = 600".to_owned(), Some(600), "end is missing"),
        ("delete from journal.log where position > 590".to_owned(), Some(591), "end is missing"),
        ("delete from journal.log where position > 590; update journal.head set position = 590".to_owned(), Some(591), "cut off"),
        (rogue.to_owned(), None, "beside the journal"),
        (
            format!("{rogue}; insert into journal.log select 300, logged_at, 604, organization_id, aggregate_type, aggregate_id, sequence + 1, subject_id, row_hash
                     from journal.log where position = 600 on conflict do nothing"),
            None,
            "beside the journal",
        ),
        (
            "update journal.log set position = -1 where position = 300; update journal.log set position = 300 where position = 301;
             update journal.log set position = 301 where position = -1".to_owned(),
            Some(300),
            "tile",
        ),
        (
            "update journal.events e set payload = o.payload from journal.events o where (e.arrival, o.arrival) in ((300, 301), (301, 300))".to_owned(),
            Some(300),
            "altered",
        ),
        (
            "insert into journal.log select 601, (select logged_at from journal.head), arrival, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
             from journal.log where position = 300; update journal.head set position = 601".to_owned(),
            Some(601),
            "twice",
        ),
        (
            "insert into journal.log select 601, (select logged_at from journal.head), arrival, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
             from journal.log where position = 300".to_owned(),
            Some(601),
            "beyond its head",
        ),
        ("update journal.head set position = 599".to_owned(), Some(600), "beyond its head"),
        ("update journal.head set position = 601".to_owned(), Some(601), "end is missing"),
        ("update journal.head set logged_at = logged_at - interval '1 hour'".to_owned(), Some(600), "the time that the log's head"),
        ("delete from journal.unsequenced where sequence = 2".to_owned(), None, "beside the journal"),
        ("update journal.unsequenced set row_hash = sha256('x') where sequence = 2".to_owned(), None, "something else"),
        ("update journal.unsequenced set subject_id = gen_random_uuid() where sequence = 2".to_owned(), None, "something else"),
        ("update journal.events set actor_id = gen_random_uuid() where arrival = 602".to_owned(), None, "altered"),
        ("delete from journal.events where arrival = 602".to_owned(), None, "its event is gone"),
        (
            "insert into journal.unsequenced select arrival, gen_random_uuid(), organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
             from journal.log where position = 300".to_owned(),
            Some(300),
            "still in the queue",
        ),
    ] {
        let report = journal.tampered(&sql).await;
        assert!(report.findings.iter().any(|finding| finding.what.contains(words)), "{sql}:\n{}", told(&report));
        assert_eq!(report.findings[0].position, position, "{sql}:\n{}", told(&report));
    }
}

#[tokio::test]
async fn altered_tiles_and_heads_are_found() {
    let journal = Journal::new().await;
    for (sql, position, words) in [
        (
            "update journal.tiles set hashes = set_byte(hashes, 32 * 9, get_byte(hashes, 32 * 9) # 1) where index = 1",
            Some(256 + 10),
            "tile 1 of level 0",
        ),
        ("update journal.tiles set index = index + 5", Some(1), "isn't stored"),
        ("delete from journal.tiles where index = 1", Some(257), "isn't stored"),
        ("insert into journal.tiles select level, 2, hashes from journal.tiles where index = 1", None, "isn't that long"),
        ("delete from journal.tiles where index = 1; delete from journal.checkpoints", Some(257), "isn't stored"),
        ("update journal.tree_heads set root = sha256('x') where size = 300", Some(300), "isn't the one in its signed note"),
        ("update journal.tree_heads set size = 400 where size = 300", Some(400), "isn't the one in its signed note"),
        (
            // a letter of the signature that it isn't already
            "update journal.tree_heads set note = overlay(note placing chr(65 + (substr(note, length(note) - 20, 1) = 'A')::int) from length(note) - 20)
             where size = 300",
            Some(300),
            "isn't signed",
        ),
        ("update journal.tree_heads set note = (select note from journal.tree_heads where size = 600) where size = 300", Some(300), "signed note"),
        ("delete from journal.tree_heads where size = 600", Some(600), "isn't stored"),
        (
            "insert into journal.tree_heads select 700, root, note, signed_at from journal.tree_heads where size = 600",
            Some(601),
            "a head of size 700",
        ),
    ] {
        let report = journal.tampered(sql).await;
        assert!(report.findings.iter().any(|finding| finding.what.contains(words)), "{sql}:\n{}", told(&report));
        assert_eq!(report.findings[0].position, position, "{sql}:\n{}", told(&report));
    }
}

/// Whoever can write everything makes events, hashes, log and tiles fit each other; only what was signed doesn't.
#[tokio::test]
async fn a_rewritten_past_does_not_fit_the_heads_that_were_signed() {
    let journal = Journal::new().await;
    let forge = |position: i64| {
        format!(
            "update journal.events set event_id = '{}' where arrival = {position};
             update journal.events set row_hash = sha256('forged') where arrival = {position};
             update journal.log set row_hash = sha256('forged') where arrival = {position}",
            Uuid::nil()
        )
    };
    let report = verify_log(&journal, &format!("{}; delete from journal.tiles where index = 1", forge(400))).await;
    assert!(
        told(&report).contains("position 301: the log isn't the one that was signed: it was changed between the positions 301 and 600"),
        "{}",
        told(&report)
    );

    // without any head in the database, the signer's memory is enough
    let report = verify_log(&journal, &format!("{}; delete from journal.tree_heads; delete from journal.tiles", forge(400))).await;
    assert!(
        told(&report).contains("position 1: the log isn't the one that was signed: it was changed between the positions 1 and 600"),
        "{}",
        told(&report)
    );
}

async fn verify_log(journal: &Journal, sql: &str) -> Report {
    let copy = Database::copy(&journal.database).await;
    copy.execute(&format!("set session_replication_role = replica; {sql}; reset session_replication_role")).await;
    verify(&copy.owner, &journal.trust, Depth::Log, &|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn an_older_copy_that_was_put_back_is_found() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let running = database.sequence();
    let (follower, following) = follow(&database, &signer);
    database.append(&stream(5)).await;
    follower.signed(5, SOON).await.unwrap();
    drop((running, following));
    database.rest().await;
    let old = Database::copy(&database).await;
    let running = database.sequence();
    let (follower, _following) = follow(&database, &signer);
    database.append(&stream(2)).await;
    follower.signed(7, SOON).await.unwrap();
    drop(running);

    let trust = Trust::in_signer(&signer.open()).unwrap();
    assert!(verify(&database.writer, &trust, Depth::Full, &|_, _| {}).await.unwrap().is_sound());
    let report = verify(&old.writer, &trust, Depth::Full, &|_, _| {}).await.unwrap();
    assert_eq!(report.findings[0].position, Some(6), "{}", told(&report));
    assert!(report.findings[0].what.contains("an older copy put back"));

    // and also when it has grown again since
    let _running = old.sequence();
    old.append(&stream(4)).await;
    old.logged(9).await;
    let report = verify(&old.writer, &trust, Depth::Full, &|_, _| {}).await.unwrap();
    assert_eq!(report.findings[0].position, Some(6), "{}", told(&report));
}
