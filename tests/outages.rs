//! What happens while something that is needed isn't there?

use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use anamnesis_tests::{Answer, Client, Clinic, Server, eventually, new_patient, unique, unique_name};
use serde_json::json;

/// One clinic for all of these tests, one after the other; each puts right what it broke.
static CLINIC: LazyLock<Mutex<Clinic>> = LazyLock::new(|| Mutex::new(Clinic::at(Server::with(&[("ANAMNESIS_REQUEST_TIMEOUT_MS", "5000")]))));

fn clinic() -> MutexGuard<'static, Clinic> {
    CLINIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A file without which a server can't start; back again when this is dropped.
struct Away(PathBuf);

impl Away {
    fn take(file: PathBuf) -> Self {
        fs::rename(&file, file.with_extension("away")).unwrap();
        Self(file)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        fs::rename(self.0.with_extension("away"), &self.0).unwrap();
    }
}

/// Refused as unavailable, with a time to come again, and without any data.
#[track_caller]
fn unavailable(answer: &Answer, secret: &str) {
    assert_eq!(answer.problem(503), "unavailable");
    assert!(answer.must("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", answer.header("retry-after"));
    assert!(!answer.text().contains(secret), "{}", answer.text());
}

/// A patient whom the doctor can read.
fn somebody(clinic: &Clinic) -> (String, String) {
    let family = unique_name("Outage");
    let registered = clinic.register(&new_patient(&family));
    let path = format!("/v1/patients/{}", registered.id());
    let read = clinic.doctor().get_after(&path, &registered.consistency()).expect(200);
    assert!(read.text().contains(&family));
    (path, family)
}

#[test]
fn without_postgres_everything_is_unavailable_and_all_is_well_again_without_a_restart() {
    let clinic = clinic();
    let (path, family) = somebody(&clinic);
    let database = clinic.server.database();
    let away = Away::take(database.cluster().join("postgresql.conf"));
    database.kill();
    let registration = new_patient(&unique_name("During"));
    let key = unique();
    let register = |client: &Client| client.request("POST", "/v1/patients").header("idempotency-key", &key).json(&registration).send();
    for _ in 0..3 {
        unavailable(&clinic.doctor().get(&path), &family);
        unavailable(&register(&clinic.staff()), &family);
        unavailable(&clinic.server.anonymous().post("/v1/auth/login", &json!({ "email": "a@b.example", "password": "twelve chars" })), &family);
    }
    assert_eq!(clinic.server.anonymous().get("/health/live").status, 200);
    assert_eq!(clinic.server.anonymous().get("/health/ready").status, 503);
    drop(away);

    let read = clinic.server.eventually_answers(&clinic.doctor(), &path);
    assert!(read.expect(200).text().contains(&family));
    let registered =
        eventually("a registration succeeds", Duration::from_mins(1), || Some(register(&clinic.staff())).filter(|answer| answer.status != 503));
    let id = registered.expect(201).id();
    clinic.doctor().get_after(&format!("/v1/patients/{id}"), &format!("patient/{id}@1")).expect(200);
    assert!(clinic.server.is_running(), "it was never restarted");
    clinic.server.wait_until_ready();
}

#[test]
fn with_a_postgres_that_hangs_requests_end_in_time_and_go_on_when_it_does() {
    let clinic = clinic();
    let (path, family) = somebody(&clinic);
    let frozen = clinic.server.database().freeze();
    let started = std::time::Instant::now();
    unavailable(&clinic.doctor().get(&path), &family);
    unavailable(&clinic.staff().post("/v1/patients", &new_patient(&unique_name("Hung"))), &family);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(clinic.server.anonymous().get("/health/live").status, 200);
    drop(frozen);
    let read = clinic.server.eventually_answers(&clinic.doctor(), &path);
    assert!(read.expect(200).text().contains(&family));
    assert!(clinic.server.is_running());
}

#[test]
fn what_cannot_be_recorded_is_not_released() {
    let clinic = clinic();
    let (path, family) = somebody(&clinic);
    let mut database = clinic.server.database();
    database.execute("revoke insert on journal.events from anamnesis_writer");
    let refused = [path.clone(), format!("{path}/history"), "/v1/patients?limit=10".to_owned()].map(|path| clinic.doctor().get(&path));
    database.execute("grant insert on journal.events to anamnesis_writer");
    for answer in refused {
        assert!(!answer.text().contains(&family), "{}", answer.text());
        assert!(answer.status == 503 || answer.status == 500, "{}: {}", answer.asked, answer.text());
        answer.problem(answer.status);
    }
    assert!(clinic.doctor().get(&path).expect(200).text().contains(&family));
}

#[test]
fn without_a_sequencer_commands_go_on_being_accepted() {
    let clinic = clinic();
    let mut database = clinic.server.database();
    // whoever holds the head's row stops the sequencer wherever it runs
    database.execute("begin");
    database.execute("select from journal.head for update");
    let registered: Vec<_> = (0..5).map(|_| clinic.register(&new_patient(&unique_name("Unsequenced")))).collect();
    for answer in &registered {
        assert_eq!(answer.header("anamnesis-position"), None, "it has no position yet");
        let id = answer.id();
        let waited = clinic.doctor().get_once_after(&format!("/v1/patients/{id}"), &answer.consistency());
        assert_eq!(waited.status, 503, "{}", waited.text());
        assert!(waited.header("retry-after").is_some());
    }
    database.execute("rollback");
    for answer in &registered {
        let (id, token) = (answer.id(), answer.consistency());
        clinic.doctor().get_after(&format!("/v1/patients/{id}"), &token).expect(200);
    }
}

#[test]
fn killed_backends_cost_nobody_more_than_a_retry() {
    let clinic = clinic();
    let mut database = clinic.server.database();
    // signing in may take a retry as well
    let (staff, doctor) = (clinic.staff(), clinic.doctor());
    for _ in 0..3 {
        let (body, key) = (new_patient(&unique_name("Killed")), unique());
        database.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'");
        let registered = eventually("a registration succeeds", Duration::from_secs(30), || {
            let answer = staff.request("POST", "/v1/patients").header("idempotency-key", &key).json(&body).send();
            assert!([201, 503].contains(&answer.status), "{}", answer.text());
            (answer.status == 201).then_some(answer)
        });
        let (id, token) = (registered.id(), registered.consistency());
        eventually("it can be read", Duration::from_secs(30), || {
            (doctor.get_after(&format!("/v1/patients/{id}"), &token).status == 200).then_some(())
        });
        let events: i64 = database.one(&format!("select count(*) from journal.events where aggregate_id = '{id}'"));
        assert_eq!(events, 1);
    }
}
