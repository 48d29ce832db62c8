//! Is every committed event in the log, once, and each stream in order?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::{SequencerHandle, SequencerSettings, SequencerState};
use chrono::{DateTime, Utc};
use sqlx::Connection as _;
use uuid::Uuid;

use crate::support::{Database, NewEvent, OURS, SOON, append, stream};

#[tokio::test]
async fn events_get_dense_positions_in_the_order_in_which_they_arrived() {
    let database = Database::new().await;
    let (first, second) = (stream(3), stream(2));
    database.append(&first).await;
    database.append(&second).await;
    let (handle, _running) = database.sequence();
    database.logged(5).await;

    let order: Vec<Uuid> = sqlx::query_scalar("select event_id from journal.log join journal.events using (arrival) order by position")
        .fetch_all(&database.owner)
        .await
        .unwrap();
    assert_eq!(order, first.iter().chain(&second).map(|event| event.event_id).collect::<Vec<_>>());
    leads(&handle, 1).await;
    assert_eq!(database.count("journal.unsequenced").await, 0);
    database.assert_sound().await;
}

/// Ordering by transaction id would put version 2 before version 1.
#[tokio::test]
async fn a_transaction_that_took_its_id_early_does_not_invert_a_stream() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let events = stream(3);
    let mut early = database.connect().await;
    let mut transaction = early.begin().await.unwrap();
    sqlx::query("select pg_current_xact_id()").execute(&mut *transaction).await.unwrap();

    database.append(&events[..1]).await;
    append(&mut transaction, &events[1..2]).await.unwrap();
    database.logged(1).await;
    transaction.commit().await.unwrap();
    database.append(&events[2..]).await;
    database.logged(3).await;

    let by_position: Vec<i64> = sqlx::query_scalar("select sequence from journal.log order by position").fetch_all(&database.owner).await.unwrap();
    let by_transaction: Vec<i64> =
        sqlx::query_scalar("select sequence from journal.events order by xmin::text::bigint").fetch_all(&database.owner).await.unwrap();
    assert_eq!(by_position, [1, 2, 3]);
    assert_eq!(by_transaction, [2, 1, 3], "the trap isn't set");
}

/// A cursor over an identity column would skip what commits late.
#[tokio::test]
async fn what_commits_late_is_not_skipped() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let (late, early) = (stream(1), stream(1));
    let mut connection = database.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    append(&mut transaction, &late).await.unwrap();
    database.append(&early).await;
    database.logged(1).await;
    transaction.commit().await.unwrap();
    database.logged(2).await;

    let arrivals: Vec<i64> = sqlx::query_scalar("select arrival from journal.log order by position").fetch_all(&database.owner).await.unwrap();
    assert_eq!(arrivals, [2, 1]);
    database.assert_sound().await;
}

#[tokio::test]
async fn an_open_write_transaction_delays_nothing_here_or_in_another_database() {
    let (database, neighbour) = (Database::new().await, Database::new().await);
    let (_handle, _running) = database.sequence();
    let (mut here, mut there) = (database.connect().await, neighbour.connect().await);
    let (mut one, mut other) = (here.begin().await.unwrap(), there.begin().await.unwrap());
    append(&mut one, &stream(1)).await.unwrap();
    append(&mut other, &stream(1)).await.unwrap();

    for logged in 1..=5 {
        database.append(&stream(1)).await;
        tokio::time::timeout(Duration::from_secs(2), database.logged(logged)).await.unwrap();
    }
    one.commit().await.unwrap();
    database.logged(6).await;
    database.assert_sound().await;
    other.rollback().await.unwrap();
}

#[tokio::test]
async fn an_aborted_append_leaves_no_gap_and_stalls_nothing() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence();
    let mut connection = database.connect().await;
    for _ in 0..10 {
        let mut transaction = connection.begin().await.unwrap();
        append(&mut transaction, &stream(2)).await.unwrap();
        transaction.rollback().await.unwrap();
        database.append(&stream(1)).await;
    }
    database.logged(10).await;
    let arrivals: i64 = sqlx::query_scalar("select max(arrival) from journal.log").fetch_one(&database.owner).await.unwrap();
    assert_eq!(arrivals, 30, "the trap isn't set");
    database.assert_sound().await;
}

/// Appends run side by side: a command's events are not neighbours in the queue.
#[tokio::test]
async fn a_batch_never_splits_a_command() {
    for (batch, expected) in [(5, vec![7, 0]), (6, vec![6, 1, 0]), (7, vec![7, 0]), (1, vec![7, 0])] {
        let database = Database::new().await;
        let (a, b, c) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let (in_a, in_b, in_c) = (stream(3), stream(3), stream(1));
        let mixed: Vec<NewEvent> = (0..3).flat_map(|i| [in_a[i].clone().of_command(a), in_b[i].clone().of_command(b)]).collect();
        database.append(&mixed).await;
        database.append(&[in_c[0].clone().of_command(c)]).await;
        assert_eq!(batches(&database, batch).await, expected, "in batches of {batch}");
        database.assert_sound().await;
    }
}

/// A command that writes to two streams begins before another one has written to its second stream. If it were taken as
/// a whole together with its lowest event, it would overtake that other one.
#[tokio::test]
async fn a_command_over_several_streams_overtakes_nothing() {
    let database = Database::new().await;
    let (group, (theirs, shared)) = (Uuid::new_v4(), (stream(1), stream(2)));
    let mut connection = database.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    append(&mut transaction, &[theirs[0].clone().of_command(group)]).await.unwrap();
    database.append(&shared[..1]).await;
    append(&mut transaction, &[shared[1].clone().of_command(group)]).await.unwrap();
    transaction.commit().await.unwrap();
    batches(&database, 1).await;
    database.assert_sound().await;
}

/// Accounts choose their commands' ids themselves (`Idempotency-Key`), so two commands may have the same.
#[tokio::test]
async fn a_namesake_that_waits_further_back_inverts_no_stream() {
    for (batch, their_organization) in [(2, OURS), (2, Uuid::new_v4()), (10_000, Uuid::new_v4())] {
        let database = Database::new().await;
        let (key, ours, theirs) = (Uuid::new_v4(), stream(2), stream(1));
        database.append(&[ours[0].clone().of_command(key)]).await;
        database.append(&[ours[1].clone().of_command(Uuid::new_v4())]).await;
        database.append(&[theirs[0].clone().of(their_organization).of_command(key)]).await;
        batches(&database, batch).await;
        database.assert_sound().await;
        let in_order: Vec<i64> = sqlx::query_scalar("select sequence from journal.log where aggregate_id = $1 order by position")
            .bind(ours[0].aggregate_id)
            .fetch_all(&database.owner)
            .await
            .unwrap();
        assert_eq!(in_order, [1, 2]);
    }
}

/// Sequences by hand until nothing is left; how many events each batch took.
async fn batches(database: &Database, batch: i32) -> Vec<i64> {
    let epoch: i64 = sqlx::query_scalar("select journal.lead('test', '1 minute')").fetch_one(&database.writer).await.unwrap();
    let mut batches = vec![];
    while batches.last() != Some(&0) {
        let taken: i64 = sqlx::query_scalar("select taken_events from journal.sequence_batch($1, $2, '1 minute')")
            .bind(epoch)
            .bind(batch)
            .fetch_one(&database.writer)
            .await
            .unwrap();
        batches.push(taken);
    }
    batches
}

#[tokio::test]
async fn an_earlier_epoch_changes_nothing() {
    let database = Database::new().await;
    database.append(&stream(1)).await;
    let lead = || sqlx::query_scalar::<_, Option<i64>>("select journal.lead('test', '10 ms')").fetch_one(&database.writer);
    assert_eq!(lead().await.unwrap(), Some(1));
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(lead().await.unwrap(), Some(2));

    let before: (i64, DateTime<Utc>) = head(&database).await;
    let fenced = sqlx::query("select taken_events from journal.sequence_batch(1, 100, '1 minute')").fetch_all(&database.writer).await.unwrap();
    assert!(fenced.is_empty());
    assert_eq!(head(&database).await, before);
    assert_eq!(database.count("journal.unsequenced").await, 1);
}

#[tokio::test]
async fn a_lease_is_not_taken_from_a_living_leader_but_from_one_whose_clock_was_set_back() {
    let database = Database::new().await;
    let lead = || sqlx::query_scalar::<_, Option<i64>>("select journal.lead('test', '10 s')").fetch_one(&database.writer);
    assert_eq!(lead().await.unwrap(), Some(1));
    assert_eq!(lead().await.unwrap(), None);
    database.execute("update journal.head set expires_at = expires_at + interval '1 day'").await;
    assert_eq!(lead().await.unwrap(), Some(2));
}

#[tokio::test]
async fn the_logs_time_never_falls_even_if_the_servers_clock_does() {
    let database = Database::new().await;
    database.execute("update journal.head set logged_at = clock_timestamp() + interval '1 hour'").await;
    let before = head(&database).await.1;
    let (_handle, _running) = database.sequence();
    database.append(&stream(1)).await;
    database.logged(1).await;
    database.append(&stream(1)).await;
    database.logged(2).await;
    let times: Vec<DateTime<Utc>> =
        sqlx::query_scalar("select logged_at from journal.log order by position").fetch_all(&database.owner).await.unwrap();
    assert!(before < times[0] && times[0] < times[1], "{before} {times:?}");
}

#[tokio::test]
async fn an_empty_log_still_tells_the_time() {
    let database = Database::new().await;
    let log = Log::new(database.writer.clone());
    let asked = Utc::now().into();
    assert_eq!(log.position_at(asked).await.unwrap(), None);
    let (_handle, _running) = database.sequence();
    assert!(log.wait_until(asked, Duration::from_secs(10)).await.is_some());
    assert_eq!(log.position_at(asked).await.unwrap(), Some(0));
}

#[tokio::test]
async fn while_idle_only_the_tick_is_written() {
    let database = Database::new().await;
    let tick = Duration::from_millis(200);
    let (handle, _running) = database.sequence_with(SequencerSettings { tick, ..SequencerSettings::default() });
    while handle.health().head.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (begin, mut times) = (Instant::now(), BTreeSet::new());
    while begin.elapsed() < 5 * tick {
        times.insert(head(&database).await.1);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ticks = begin.elapsed().as_millis() / tick.as_millis();
    assert!(times.len() > 1, "the log's time stands still");
    assert!(times.len() as u128 <= ticks + 2, "the head moved {} times in {ticks} ticks", times.len());
}

/// Autovacuum comes once a minute at most; by then a busy queue is looked through for milliseconds each time.
#[tokio::test]
async fn the_rows_that_were_taken_are_swept_away_at_once() {
    let database = Database::new().await;
    database.append(&stream(2_500)).await;
    let (_handle, _running) = database.sequence();
    database.logged(2_500).await;
    let swept = tokio::time::timeout(SOON, async {
        while database.count("pg_stat_user_tables where relname = 'unsequenced' and vacuum_count > 0").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(swept.await.is_ok(), "nobody vacuums the queue");
    assert_eq!(database.count("journal.unsequenced").await, 0);
    database.assert_sound().await;
}

/// The longest pause is far longer than this test: only the hint makes it quick.
#[tokio::test]
async fn a_woken_sequencer_does_not_wait_for_its_next_look() {
    let database = Database::new().await;
    let pause = Duration::from_mins(5);
    let settings = SequencerSettings { pause_at_least: pause, pause_at_most: pause, ..SequencerSettings::default() };
    let (handle, _running) = database.sequence_with(settings);
    for logged in 1..=3 {
        database.append(&stream(1)).await;
        handle.wake();
        database.logged(logged).await;
    }
}

#[tokio::test]
async fn a_lost_database_is_found_again_and_the_lease_kept() {
    let database = Database::new().await;
    let (handle, _running) = database.sequence();
    database.append(&stream(1)).await;
    database.logged(1).await;

    let name = database.options.get_database().unwrap();
    let mut elsewhere = sqlx::PgConnection::connect_with(&database.options.clone().database("postgres")).await.unwrap();
    sqlx::query(&format!("alter database {name} allow_connections false")).execute(&mut elsewhere).await.unwrap();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1").bind(name).execute(&mut elsewhere).await.unwrap();
    while handle.health().failures < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::query(&format!("alter database {name} allow_connections true")).execute(&mut elsewhere).await.unwrap();

    let mut connection = database.connect().await;
    append(&mut connection, &stream(1)).await.unwrap();
    while handle.health().head.is_none_or(|head| head.position < 2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(handle.health().state, SequencerState::Leading { epoch: 1 });
    assert_eq!(handle.health().failures, 0);
}

#[tokio::test]
async fn a_leader_that_ends_lets_the_next_one_begin_at_once() {
    let database = Database::new().await;
    let lease = Duration::from_mins(1);
    let (_first, running) = database.sequence_with(SequencerSettings { lease, ..SequencerSettings::default() });
    database.append(&stream(1)).await;
    database.logged(1).await;
    drop(running);
    let (second, _running) = database.sequence();
    leads(&second, 2).await;
    database.append(&stream(1)).await;
    database.logged(2).await;
}

/// Waits until it says so: what it did is in the database a little earlier than in its health.
async fn leads(sequencer: &SequencerHandle, epoch: u64) {
    let leading = async {
        while sequencer.health().state != (SequencerState::Leading { epoch }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, leading).await.is_ok(), "{:?}", sequencer.health());
}

/// Thirty-two writers: transactions that took their ids early, linger, abort, and write several streams at once.
#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_lose_nothing() {
    let database = Database::new().await;
    let (_handle, _running) = database.sequence_with(SequencerSettings { batch: 7, ..SequencerSettings::default() });
    let streams: Vec<Uuid> = (0..40).map(|_| Uuid::new_v4()).collect();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..32 {
        let (options, streams) = (database.options.clone(), streams.clone());
        writers.spawn(async move {
            let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
            let mut committed = 0;
            for turn in 0..25 {
                committed += write(&mut connection, &streams, writer * 1000 + turn).await.unwrap_or(0);
            }
            committed
        });
    }
    let committed: i64 = writers.join_all().await.into_iter().sum();
    assert!(committed > 500, "only {committed} events were committed");
    database.logged(committed).await;
    assert_eq!(database.count("journal.events").await, committed);
    database.assert_sound().await;
}

async fn write(connection: &mut sqlx::PgConnection, streams: &[Uuid], turn: usize) -> sqlx::Result<i64> {
    let mut transaction = connection.begin().await?;
    if turn.is_multiple_of(3) {
        sqlx::query("select pg_current_xact_id()").execute(&mut *transaction).await?;
        tokio::time::sleep(Duration::from_millis(turn as u64 % 20)).await;
    }
    let mut chosen: Vec<Uuid> = (0..=turn % 3).map(|i| streams[(turn * 7 + i * 11) % streams.len()]).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let mut events = vec![];
    for id in chosen {
        let last: i64 =
            sqlx::query_scalar("select coalesce(max(sequence), 0) from journal.events where aggregate_type = 'consent' and aggregate_id = $1")
                .bind(id)
                .fetch_one(&mut *transaction)
                .await?;
        let command = Uuid::new_v4();
        events.extend((1..=1 + turn as u64 % 3).map(|i| NewEvent::new(id, last.cast_unsigned() + i).of_command(command)));
    }
    append(&mut transaction, &events).await?;
    if turn.is_multiple_of(10) {
        transaction.rollback().await?;
        return Ok(0);
    }
    tokio::time::sleep(Duration::from_millis(turn as u64 % 5)).await;
    transaction.commit().await?;
    Ok(i64::try_from(events.len()).unwrap())
}

async fn head(database: &Database) -> (i64, DateTime<Utc>) {
    sqlx::query_as("select position, logged_at from journal.head").fetch_one(&database.owner).await.unwrap()
}
