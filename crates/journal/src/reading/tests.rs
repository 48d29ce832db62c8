use anamnesis_vault::{Context, EventContext, KeyOwner, Vault};

use super::*;
use crate::Role;
use crate::testing::TestDatabase;

const CONSENT: &str = "consent";

fn question(aggregate_id: Uuid, beginning: Beginning) -> Question {
    Question { aggregate_type: CONSENT, aggregate_id, beginning }
}

/// Whatever is sealed: nobody opens it here.
async fn sealed(vault: &Vault) -> Vec<u8> {
    let (id, fingerprint) = (Uuid::nil(), [0; 8]);
    let owner = KeyOwner::data(id, id);
    let place = EventContext {
        organization: id,
        aggregate_type: CONSENT,
        aggregate_id: id,
        sequence: 1,
        event_id: id,
        event_type: "ConsentGranted",
        event_version: 1,
        fingerprint,
        subject: id,
    };
    vault.key(owner).await.unwrap().seal(&Context::event(&place), b"a payload").into_bytes()
}

/// Events of a stream, and perhaps a snapshot.
async fn stream(database: &TestDatabase, payload: &[u8], events: i64, snapshot: Option<i64>) -> Uuid {
    let (id, superuser) = (Uuid::now_v7(), database.superuser());
    sqlx::query(
        "insert into journal.events (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint,
            subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)
         select $1, 'consent', $2, n, $1, 'ConsentGranted', 1, decode(repeat('00', 8), 'hex'), $1, $1, now(), $1, $1, $1, $1, $3, '', decode(repeat('00', 32), 'hex')
         from generate_series(1, $4) as n",
    )
    .bind(Uuid::nil())
    .bind(id)
    .bind(payload)
    .bind(events)
    .execute(&superuser)
    .await
    .unwrap();
    sqlx::query("insert into journal.snapshots select $1, 'consent', $2, n, 1, $3 from unnest($4::bigint[]) as n")
        .bind(Uuid::nil())
        .bind(id)
        .bind(payload)
        .bind(Vec::from_iter(snapshot))
        .execute(&superuser)
        .await
        .unwrap();
    id
}

/// What a part has: a snapshot's number negative, then the events'.
fn numbers(answer: &Answer) -> Option<Vec<i64>> {
    let number = |row: &Stored| match row {
        Stored::Snapshot(snapshot) => -snapshot.sequence.cast_signed(),
        Stored::Event(event) => event.sequence.cast_signed(),
    };
    answer.as_ref().unwrap().as_ref().map(|part| part.0.iter().map(number).collect())
}

#[tokio::test]
async fn each_of_many_gets_the_part_of_its_own_stream() {
    let database = TestDatabase::new().await;
    let payload = sealed(&database.vault().await).await;
    let short = stream(&database, &payload, 3, None).await;
    let with_snapshot = stream(&database, &payload, 5, Some(3)).await;
    let damaged = stream(&database, b"in the clear", 2, None).await;
    let long = stream(&database, &payload, 450, None).await;
    let questions = vec![
        question(short, Beginning::Snapshot),
        question(damaged, Beginning::Snapshot),
        question(with_snapshot, Beginning::Snapshot),
        question(Uuid::now_v7(), Beginning::Snapshot),
        question(with_snapshot, Beginning::After(0)),
        question(short, Beginning::Snapshot),
        question(long, Beginning::After(400)),
        question(long, Beginning::Snapshot),
    ];
    let answers = answer_all(database.pool(Role::Writer), questions).await;
    let told: Vec<_> = answers.iter().map(numbers).collect();
    let (all, rest, first) = (Some(vec![1, 2, 3]), Some((401..=450).collect()), Some((1..=200).collect()));
    assert_eq!(told, [all.clone(), None, Some(vec![-3, 4, 5]), Some(vec![]), Some(vec![1, 2, 3, 4, 5]), all, rest, first]);
    let is_full = |answer: &Answer| answer.as_ref().unwrap().as_ref().is_some_and(Part::is_full);
    assert_eq!(answers.iter().map(is_full).collect::<Vec<_>>(), [false, false, false, false, false, false, false, true]);
}

#[tokio::test]
async fn each_of_many_hears_that_the_database_says_no() {
    let database = TestDatabase::new().await;
    let questions = vec![question(Uuid::nil(), Beginning::Snapshot), question(Uuid::nil(), Beginning::Snapshot)];
    let answers = answer_all(database.pool(Role::Reader), questions).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 2);
}

#[tokio::test]
async fn streams_are_read_by_their_primary_keys() {
    let database = TestDatabase::new().await;
    let mut connection = database.pool(Role::Writer).acquire().await.unwrap().detach();
    sqlx::raw_sql("set enable_seqscan = off; set plan_cache_mode = force_generic_plan").execute(&mut connection).await.unwrap();
    let prepare = format!("prepare reading as {}", include_str!("../read_streams.sql"));
    sqlx::raw_sql(&prepare).execute(&mut connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar("explain execute reading('{}', '{}', '{}', 1)").fetch_all(&mut connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Scan using events_one_per_sequence"), "{plan}");
    assert!(plan.contains("snapshots_one_per_stream") && !plan.contains("Seq Scan"), "{plan}");
}
