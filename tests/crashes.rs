//! What is left after `kill -9` in the middle of it all?

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anamnesis_tests::{Clinic, Database, Server, demo_folder, eventually};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::Row;

use crate::imported::imported;

/// The moments are the same at each run.
const SEED: u64 = 20_261_122;

#[test]
fn an_import_killed_at_five_moments_loses_nothing_and_doubles_nothing() {
    let undisturbed = outcome(&mut imported().clinic.server.database());
    let total: i64 = undisturbed.values().sum();
    let mut seeded = StdRng::seed_from_u64(SEED);
    let moments = moments(&mut seeded, 5, total);

    let server = Server::new(&[]);
    for (number, moment) in moments.into_iter().enumerate() {
        server.launch(&["--demo"]);
        let mut database = eventually("the database is there", Duration::from_mins(2), || server.try_database());
        eventually("the import has come to the moment", Duration::from_mins(5), || (clinical(&mut database) >= moment).then_some(()));
        server.kill();
        if number % 2 == 1 {
            database.kill();
        }
    }
    server.up_with(&["--demo"]);
    let mut database = server.database();
    assert_eq!(outcome(&mut database), undisturbed);
    let clinic = Clinic::at(server);
    let again = clinic.server.run(&["import", "fhir", &demo_folder().display().to_string(), "--json"]).json();
    assert_eq!(again["new_events"], 0, "{again:#}");
    eventually("everything is in the log", Duration::from_mins(1), || {
        database.one::<bool>("select not exists (select from journal.unsequenced)").then_some(())
    });
    clinic.server.run(&["verify", "--json"]).expect(0);

    let counts = "select (select count(*) from journal.events), (select count(*) from journal.log), (select max(position) from journal.log)";
    let row = database.rows(counts).remove(0);
    let (events, entries, position): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert!(events == entries && entries == position, "{events} events, {entries} entries, last position {position}");
    read_models_agree(&clinic.server);
    pasted_lines_work(&clinic.server);
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_everything_is_killed() {
    let clinic = Clinic::at(Server::start());
    let staff = clinic.staff();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let told: Vec<_> = thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut told = Vec::new();
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            let body = anamnesis_tests::new_patient(&anamnesis_tests::unique_name("Kept"));
                            match staff.request("POST", "/v1/patients").json(&body).try_send() {
                                Some(answer) if answer.status == 201 => told.push(answer.id()),
                                _ => {}
                            }
                        }
                        told
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(1_500));
            if round == 1 {
                clinic.server.database().kill();
            }
            clinic.server.kill();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        assert!(!told.is_empty());
        acknowledged.extend(told);
        clinic.server.up();
    }
    let kept: Vec<String> =
        clinic.server.database().all("select aggregate_id::text from journal.events where aggregate_type = 'patient' and sequence = 1");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !kept.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), acknowledged.len());
    for id in acknowledged.iter().rev().take(5) {
        clinic.doctor().get_after(&format!("/v1/patients/{id}"), &format!("patient/{id}@1")).expect(200);
    }
    clinic.server.run(&["verify", "--json"]).expect(0);
}

/// When something happens during an import of so many events: so many of them, in order.
pub(crate) fn moments(seeded: &mut StdRng, count: usize, total: i64) -> Vec<i64> {
    let mut moments: Vec<i64> = (0..count).map(|_| seeded.random_range(1..total * 95 / 100)).collect();
    moments.sort_unstable();
    moments
}

/// How many events an import has written so far.
pub(crate) fn clinical(database: &mut Database) -> i64 {
    let there = "select to_regclass('journal.events') is not null";
    if !database.one::<bool>(there) {
        return 0;
    }
    database.one("select count(*) from journal.events where aggregate_type not in ('access', 'account', 'organization', 'system')")
}

/// What an import leads to: how many events of each type.
pub(crate) fn outcome(database: &mut Database) -> BTreeMap<String, i64> {
    let counts = "select aggregate_type || '/' || event_type, count(*) from journal.events
        where aggregate_type not in ('access', 'account', 'organization', 'system') group by 1";
    database.rows(counts).iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// One row for each stream that has one, no more and no fewer.
pub(crate) fn read_models_agree(server: &Server) {
    let mut database = server.database();
    let position = database.settled();
    eventually("the read models have come to the end", Duration::from_mins(2), || {
        let listed = server.run(&["projection", "list", "--json"]).json();
        listed.as_array().unwrap().iter().all(|line| line["position"].as_u64().unwrap() >= position).then_some(())
    });
    for (aggregate, table) in [("patient", "patients"), ("appointment", "appointments"), ("record", "medical_records"), ("provider", "providers")] {
        let streams: i64 = database.one(&format!("select count(*) from journal.events where aggregate_type = '{aggregate}' and sequence = 1"));
        let rows: i64 = database.one(&format!("select count(*) from read.{table}"));
        assert_eq!(rows, streams, "{table}");
    }
}

/// What `up --demo` prints, pasted into a shell.
fn pasted_lines_work(server: &Server) {
    let printed = server.out();
    let greeting = printed.rsplit("Anamnesis is running").next().unwrap();
    let script: Vec<_> = greeting.lines().filter(|line| line.contains("curl ")).collect();
    assert_eq!(script.len(), 4, "a sign-in and three things to try: {greeting}");
    for thing in &script[1..] {
        let pasted = Command::new("bash").arg("-c").arg(format!("{}\n{thing} --fail --show-error", script[0])).output().unwrap();
        assert!(pasted.status.success() && pasted.stdout.len() > 50, "{thing}: {pasted:?}");
    }
}
