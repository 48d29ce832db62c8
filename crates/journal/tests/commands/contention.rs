//! Many at once: what holds whatever happens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use anamnesis_domain::facility::FacilityError;
use anamnesis_journal::testing::{TestDatabase, caller};
use anamnesis_journal::{Caller, CommandError, Committed, Group, Journal};
use rand::Rng;
use rand::seq::IndexedRandom;
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::scripted::{Scripted, number as number_of, word};

const STREAMS: u128 = 24;

/// What a client was told: the command, its stream and the words it was told to have added.
struct Told {
    command_id: Uuid,
    outcome: Result<Committed<Scripted>, CommandError<FacilityError>>,
    words: usize,
}

/// Does whatever comes to its mind for a while.
async fn client(journal: Journal, caller: Caller, commands: u32) -> Vec<Told> {
    client_with(any_script, journal, caller, commands).await
}

async fn client_with(idea: fn() -> (Uuid, String), journal: Journal, caller: Caller, commands: u32) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..commands {
        let (caller, (id, script)) = (caller.again(), idea());
        let (command_id, words) = (caller.command_id, script.lines().count());
        let outcome = journal.execute::<Scripted>(id, script, &caller, None).await;
        told.push(Told { command_id, outcome, words });
    }
    told
}

fn any_script() -> (Uuid, String) {
    let mut random = rand::rng();
    let mut lines = Vec::new();
    for _ in 0..random.random_range(0..3) {
        lines.push(format!("say {}", random.random::<u32>()));
    }
    let value = random.random_range(0..40);
    let start = random.random_range(0..400);
    lines.extend(match random.random_range(0..6) {
        0 => Some(format!("claim number {value}")),
        1 => Some(format!("release number {value}")),
        2 | 3 => {
            let length = [15, 30, 60].choose(&mut random).unwrap();
            Some(format!("slot {} {} {start} {}", random.random_range(0..12), random.random_range(20..26), start + length))
        }
        4 => Some("free".to_owned()),
        _ => None,
    });
    (Uuid::from_u128(random.random_range(0..STREAMS) + 1), lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_clients_of_several_processes_leave_a_journal_in_order() {
    let database = TestDatabase::new().await;
    let (processes, caller) = ([database.journal().await, database.journal().await, database.journal().await], caller());
    widen_the_gap(&database.superuser()).await;
    let mut clients = JoinSet::new();
    for n in 0..36 {
        clients.spawn(client(processes[n % 3].clone(), caller.clone(), 25));
    }
    let told: Vec<Told> = clients.join_all().await.into_iter().flatten().collect();

    let unexpected: Vec<_> = told.iter().filter_map(|told| told.outcome.as_ref().err()).filter(|error| !is_an_answer(error)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    assert!(told.iter().filter(|told| told.outcome.is_ok()).count() > told.len() / 3, "most are possible");
    check_invariants(&database.superuser()).await;
    check_told(&database.superuser(), &told).await;
    check_reservations(&database.superuser(), &told).await;
}

/// Makes every append wait between looking and writing, so that others get in between.
pub(crate) async fn widen_the_gap(superuser: &PgPool) {
    let slow = "create function public.slow() returns trigger language plpgsql as 'begin perform pg_sleep(random() * 0.02); return null; end';
        grant execute on function public.slow to public;
        create trigger slow before insert on journal.commands for each statement execute function public.slow()";
    sqlx::raw_sql(slow).execute(superuser).await.unwrap();
}

/// Three values, wanted by everybody.
fn any_claim() -> (Uuid, String) {
    let mut random = rand::rng();
    let (verb, value) = (["claim", "release"].choose(&mut random).unwrap(), random.random_range(0..3));
    (Uuid::from_u128(random.random_range(0..STREAMS) + 1), format!("{verb} number {value}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_given_back_goes_to_one_of_the_processes_that_wait_for_it() {
    let database = TestDatabase::new().await;
    widen_the_gap(&database.superuser()).await;
    let (caller, mut clients) = (caller(), JoinSet::new());
    for _ in 0..6 {
        let journal = database.journal().await;
        for _ in 0..3 {
            clients.spawn(client_with(any_claim, journal.clone(), caller.clone(), 60));
        }
    }
    let told: Vec<Told> = clients.join_all().await.into_iter().flatten().collect();
    check_invariants(&database.superuser()).await;
    check_told(&database.superuser(), &told).await;
    check_reservations(&database.superuser(), &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_sent_many_times_at_once_has_one_effect_and_one_answer() {
    let database = TestDatabase::new().await;
    let (processes, caller, id) = ([database.journal().await, database.journal().await], caller(), Uuid::now_v7());
    let mut clients = JoinSet::new();
    for n in 0..20 {
        let (journal, caller) = (processes[n % 2].clone(), caller.clone());
        // as the edge does it: the stream's id is the server's, a new one each time
        let id = if n < 10 { id } else { Uuid::now_v7() };
        clients.spawn(async move { journal.create::<Scripted>(id, "say once\nclaim number 7".to_owned(), &caller).await.unwrap() });
    }
    let answers = clients.join_all().await;
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.aggregate_id == answers[0].aggregate_id && answer.events == answers[0].events));
    let events: i64 = sqlx::query_scalar("select count(*) from journal.events").fetch_one(&database.superuser()).await.unwrap();
    assert_eq!(events, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_who_wants_the_same_stream_gets_it() {
    let database = TestDatabase::new().await;
    let (journal, caller, id) = (database.journal().await, caller(), Uuid::now_v7());
    let mut clients = JoinSet::new();
    for n in 0..48 {
        let (journal, caller) = (journal.clone(), caller.again());
        clients.spawn(async move { journal.execute::<Scripted>(id, format!("say {n}"), &caller, None).await.unwrap().sequence });
    }
    let mut sequences = clients.join_all().await;
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=48).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn groups_and_single_commands_stand_side_by_side() {
    let database = TestDatabase::new().await;
    let (processes, caller) = ([database.journal().await, database.journal().await], caller());
    let mut clients = JoinSet::new();
    for n in 0..8 {
        let (journal, caller) = (processes[n % 2].clone(), caller.clone());
        clients.spawn(async move {
            for _ in 0..12 {
                let steps = (0..3).map(|_| any_script());
                let group = steps.fold(Group::new(), |group, (id, script)| group.execute::<Scripted>(id, script, None));
                journal.group(&group, &caller.again()).await.ok();
            }
        });
    }
    let mut singles = JoinSet::new();
    for n in 0..8 {
        singles.spawn(client(processes[n % 2].clone(), caller.clone(), 12));
    }
    clients.join_all().await;
    let told: Vec<Told> = singles.join_all().await.into_iter().flatten().collect();
    check_invariants(&database.superuser()).await;
    check_told(&database.superuser(), &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_backend_loses_nothing_that_was_acknowledged() {
    let database = TestDatabase::new().await;
    let (journal, caller) = (database.journal().await, caller());
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        clients.spawn(client(journal.clone(), caller.clone(), 60));
    }
    let (superuser, mut killed, mut told) = (database.superuser(), 0, Vec::new());
    while !clients.is_empty() {
        tokio::select! {
            Some(done) = clients.join_next() => told.extend(done.unwrap()),
            () = tokio::time::sleep(Duration::from_millis(15)) => killed += kill_one_appending(&superuser).await,
        }
    }
    let unavailable = told.iter().filter(|told| matches!(told.outcome, Err(CommandError::Unavailable(_)))).count();
    assert!(killed > 0 && unavailable > 0, "{killed} killed, {unavailable} unavailable: the test must kill to show anything");
    check_invariants(&superuser).await;
    check_told(&superuser, &told).await;
}

/// Every no that is an answer about the command, not about the journal.
fn is_an_answer(error: &CommandError<FacilityError>) -> bool {
    matches!(error, CommandError::Taken { .. } | CommandError::SlotTaken { .. })
}

async fn kill_one_appending(superuser: &PgPool) -> usize {
    let killed = sqlx::query_scalar::<_, bool>(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and state = 'active' and query like '%journal.append%' and pid <> pg_backend_pid()
         limit 1",
    );
    killed.fetch_all(superuser).await.unwrap().len()
}

/// What must hold in every journal.
async fn check_invariants(superuser: &PgPool) {
    let broken: Vec<(String, i64)> = sqlx::query_as(include_str!("invariants.sql")).fetch_all(superuser).await.unwrap();
    assert_eq!(broken, [], "see invariants.sql");
}

/// Whoever was told yes finds the events, whoever was told no finds none; who was told neither, one of the two.
async fn check_told(superuser: &PgPool, told: &[Told]) {
    let events: Vec<(Uuid, i64)> = sqlx::query_as("select command_id, count(*) from journal.events group by 1").fetch_all(superuser).await.unwrap();
    let events: HashMap<Uuid, usize> = events.into_iter().map(|(id, count)| (id, usize::try_from(count).unwrap())).collect();
    for told in told {
        let there = events.get(&told.command_id).copied().unwrap_or_default();
        match &told.outcome {
            Ok(committed) => {
                assert_eq!((there, committed.events.len()), (told.words, told.words), "acknowledged: {}", told.command_id);
                assert!(committed.events.iter().all(|event| !word(&event.event).is_empty()));
            }
            Err(CommandError::Unavailable(_)) => assert!(there == 0 || there == told.words, "half a command: {}", told.command_id),
            Err(error) => assert_eq!(there, 0, "refused ({error}), but not without a trace: {}", told.command_id),
        }
    }
}

/// Each stream holds what its events have taken and not given back; no refused or lost command holds anything.
async fn check_reservations(superuser: &PgPool, told: &[Told]) {
    let mut events: Vec<_> =
        told.iter().filter_map(|told| told.outcome.as_ref().ok()).flat_map(|done| done.events.iter().map(|e| (done.aggregate_id, e))).collect();
    events.sort_unstable_by_key(|(id, event)| (*id, event.sequence));
    let (mut numbers, mut slots) = (BTreeSet::new(), BTreeMap::new());
    for (id, event) in events {
        match word(&event.event).split(' ').collect::<Vec<_>>()[..] {
            ["claim", _, number] => drop(numbers.insert((id, number))),
            ["release", _, number] => drop(numbers.remove(&(id, number))),
            ["slot", patient, provider, ..] => drop(slots.insert(id, [("patient", number_of(patient)), ("provider", number_of(provider))])),
            ["free"] => drop(slots.remove(&id)),
            _ => {}
        }
    }
    let holders: Vec<Uuid> = sqlx::query_scalar("select aggregate_id from journal.claims order by 1").fetch_all(superuser).await.unwrap();
    assert_eq!(holders, numbers.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    let held: Vec<(Uuid, String, Uuid)> =
        sqlx::query_as("select holder_id, kind, resource_id from journal.slots order by 1, 2").fetch_all(superuser).await.unwrap();
    let expected: Vec<_> = slots.into_iter().flat_map(|(id, slots)| slots.map(|(kind, resource)| (id, kind.to_owned(), resource))).collect();
    assert_eq!(held, expected);
}
