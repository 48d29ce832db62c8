//! With each part in a process of its own, what happens when one fails, and when Kafka does?

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anamnesis_tests::{Answer, Apart, Broker, Client, Clinic, Database, Part, Redis, appointment, demo_folder, eventually, new_patient, unique_name};
use chrono::{Days, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use sqlx::Row;

use crate::crashes::{clinical, moments, outcome, read_models_agree};
use crate::imported::{imported, patient_ids};
use crate::kafka::settings;

/// The moments and who is killed at each are the same at each run.
const SEED: u64 = 20_261_123;

/// By then readiness has told that a part is missing: who leads is led by nobody after a few seconds, and who is silent is missed after 15.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// What readiness answers when requests can't be answered, or only from read models that come no further.
const NOT_READY: (u16, &str) = (503, "not ready");
const DEGRADED: (u16, &str) = (200, "degraded");

#[test]
fn an_import_with_each_part_killed_twice_loses_nothing_doubles_nothing_and_caches_nothing_wrong() {
    let undisturbed = outcome(&mut imported().clinic.server.database());
    let total: i64 = undisturbed.values().sum();
    let mut seeded = StdRng::seed_from_u64(SEED);
    let moments = moments(&mut seeded, 10, total);
    let mut killed = [Part::Serve, Part::Sequence, Part::Publish, Part::Project(1), Part::Project(2)].repeat(2);
    killed.shuffle(&mut seeded);

    eprintln!("seed {SEED}: {:?}", moments.iter().zip(&killed).collect::<Vec<_>>());
    let redis = Redis::start();
    let apart = Apart::start(&with_redis(settings().0, &redis), 2);
    let clinic = &apart.clinic;
    let (doctor, done) = (clinic.doctor(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| look_around(&doctor, &done));
        let importing = clinic.server.run_in_background(&["import", "fhir", &demo_folder().display().to_string(), "--json"]);
        let mut database = clinic.server.database();
        for (moment, part) in moments.into_iter().zip(killed) {
            eventually("the import has come to the moment", Duration::from_mins(5), || (clinical(&mut database) >= moment).then_some(()));
            apart.kill(part);
            apart.begin(part);
        }
        let report = importing.finish().json();
        done.store(true, Ordering::Relaxed);
        assert_eq!(report["errors"], Value::Array(Vec::new()));
    });
    clinic.server.wait_until_ready();
    assert_eq!(outcome(&mut clinic.server.database()), undisturbed);
    let again = clinic.server.run(&["import", "fhir", &demo_folder().display().to_string(), "--json"]).json();
    assert_eq!(again["new_events"], 0, "{again:#}");

    everything_agrees(clinic);
    the_cache_says_what_the_read_models_say(clinic, &redis);
    every_read_model_is_what_the_log_makes_of_it(clinic);
    apart.expect_all_running();
}

#[test]
fn a_rebalance_under_load_loses_nothing_and_doubles_nothing() {
    let apart = Apart::start(&settings().0, 1);
    let clinic = &apart.clinic;
    let (staff, done) = (clinic.staff(), AtomicBool::new(false));
    let registered: Vec<Answer> = thread::scope(|scope| {
        let register = || {
            let mut registered = Vec::new();
            while !done.load(Ordering::Relaxed) {
                registered.push(staff.post("/v1/patients", &new_patient(&unique_name("Rebalanced"))).expect(201));
            }
            registered
        };
        let clients = [scope.spawn(register), scope.spawn(register)];
        for joining in [2, 3] {
            thread::sleep(Duration::from_secs(3));
            apart.begin(Part::Project(joining));
        }
        thread::sleep(Duration::from_secs(5));
        assert_eq!(apart.stop(Part::Project(1)), Some(0));
        apart.freeze(Part::Project(2));
        // longer than the group waits for it: what was its is the other's when it goes on
        thread::sleep(Duration::from_secs(12));
        apart.resume(Part::Project(2));
        thread::sleep(Duration::from_secs(4));
        apart.kill(Part::Project(3));
        thread::sleep(Duration::from_secs(1));
        done.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(registered.len() > 50, "{} patients are no load", registered.len());
    let doctor = clinic.doctor();
    for answer in &registered {
        doctor.get_after(&format!("/v1/patients/{}", answer.id()), &answer.consistency()).expect(200);
    }
    clinic.server.wait_until_ready();
    everything_agrees(clinic);
    every_read_model_is_what_the_log_makes_of_it(clinic);
    apart.expect_all_running();
}

#[test]
fn without_kafka_for_a_while_commands_are_accepted_and_the_read_models_catch_up_by_themselves() {
    kafka_is_away_for(Duration::from_secs(20));
}

#[test]
#[ignore = "takes a minute longer"]
fn without_kafka_for_a_minute_commands_are_accepted_and_the_read_models_catch_up_by_themselves() {
    kafka_is_away_for(Duration::from_mins(1));
}

fn kafka_is_away_for(a_while: Duration) {
    let broker = Broker::start();
    let apart = Apart::start(&at_broker(settings().0, &broker), 1);
    let clinic = &apart.clinic;
    let (staff, doctor) = (clinic.staff(), clinic.doctor());
    let before = clinic.register(&new_patient(&unique_name("Before")));
    let path_before = path_of(&before);
    let shown = doctor.get_after(&path_before, &before.consistency()).expect(200).body;

    broker.kill();
    let since = Instant::now();
    let mut meanwhile = Vec::new();
    while since.elapsed() < a_while {
        let registered = staff.post("/v1/patients", &new_patient(&unique_name("Meanwhile"))).expect(201);
        not_yet(&doctor.get_once_after(&path_of(&registered), &registered.consistency()));
        assert_eq!(doctor.get(&path_before).expect(200).body, shown);
        meanwhile.push(registered);
    }
    broker.up();
    assert!(meanwhile.len() > 2, "{}", meanwhile.len());
    for registered in &meanwhile {
        doctor.get_after(&path_of(registered), &registered.consistency()).expect(200);
    }
    clinic.server.wait_until_ready();
    everything_agrees(clinic);
    apart.expect_all_running();
}

#[test]
fn who_is_missing_is_told_the_others_go_on_and_all_is_well_when_it_is_back() {
    let apart = Apart::start(&settings().0, 1);
    let clinic = &apart.clinic;
    let (staff, doctor) = (clinic.staff(), clinic.doctor());
    let register = || staff.post("/v1/patients", &new_patient(&unique_name("Alone"))).expect(201);
    let readable = |registered: &Answer| doctor.get_after(&path_of(registered), &registered.consistency()).expect(200).body;
    let first = register();
    let shown = readable(&first);
    let others_go_on = || {
        let registered = register();
        not_yet(&doctor.get_once_after(&path_of(&registered), &registered.consistency()));
        assert_eq!(doctor.get(&path_of(&first)).expect(200).body, shown);
        registered
    };
    let restart = |part: Part, meanwhile: &Answer| {
        apart.begin(part);
        clinic.server.wait_until_ready();
        readable(meanwhile);
    };

    apart.kill(Part::Sequence);
    let meanwhile = others_go_on();
    assert_eq!(meanwhile.header("anamnesis-position"), None, "it has no position yet");
    until_told(clinic, "sequencer", NOT_READY);
    restart(Part::Sequence, &meanwhile);

    apart.kill(Part::Project(1));
    let meanwhile = others_go_on();
    until_told(clinic, "projection patients", NOT_READY);
    restart(Part::Project(1), &meanwhile);

    apart.kill(Part::Publish);
    let meanwhile = others_go_on();
    assert!(meanwhile.header("anamnesis-position").is_some(), "the log goes on");
    until_told(clinic, "publication", DEGRADED);
    restart(Part::Publish, &meanwhile);

    let meanwhile = register();
    apart.kill(Part::Serve);
    restart(Part::Serve, &meanwhile);
    assert!(register().header("anamnesis-position").is_some());
    apart.expect_all_running();
}

/// One that follows Kafka and one that follows the log. A patient who is registered is a row of both.
#[test]
fn a_projector_of_one_read_model_moves_no_other_and_two_build_theirs_beside_each_other() {
    let apart = Apart::start(&settings().0, 1);
    let clinic = &apart.clinic;
    let (mut database, staff) = (clinic.server.database(), clinic.staff());
    assert_eq!(apart.stop(Part::Project(1)), Some(0));
    let register = || staff.post("/v1/patients", &new_patient(&unique_name("Only"))).expect(201).id();
    let patients = (Part::Only("patients"), "patients", "read.patients where patient_id");
    let audit = (Part::Only("audit_logs"), "audit_logs", "audit.audit_logs where resource_id");

    let mut registered = vec![register()];
    for ((part, name, table), (_, _, table_of_other)) in [(patients, audit), (audit, patients)] {
        let before = checkpoints_besides(&mut database, &[name]);
        apart.begin(part);
        registered.push(register());
        until_there(&mut database, table, &registered);
        assert!(!is_there(&mut database, table_of_other, registered.last().unwrap()), "{part:?} builds nothing else");
        assert_eq!(checkpoints_besides(&mut database, &[name]), before, "{part:?} moves nothing else");
        assert_eq!(apart.stop(part), Some(0));
        registered.push(register());
    }

    let before = checkpoints_besides(&mut database, &["patients", "audit_logs"]);
    for (part, ..) in [patients, audit] {
        apart.begin(part);
    }
    registered.push(register());
    for (_, _, table) in [patients, audit] {
        until_there(&mut database, table, &registered);
    }
    assert_eq!(checkpoints_besides(&mut database, &["patients", "audit_logs"]), before);
    apart.expect_all_running();

    // the others are where they were left, and go on from there
    apart.begin(Part::Project(1));
    clinic.server.wait_until_ready();
    everything_agrees(clinic);
    every_read_model_is_what_the_log_makes_of_it(clinic);
    apart.expect_all_running();
}

fn checkpoints_besides(database: &mut Database, named: &[&str]) -> Vec<String> {
    let sql = "select concat_ws(' ', consumer, partition, position, epoch) from journal.checkpoints where consumer not in";
    database.all(&format!("{sql} ('{}') order by 1", named.join("', '")))
}

fn is_there(database: &mut Database, table: &str, id: &str) -> bool {
    database.one(&format!("select exists (select from {table} = '{id}')"))
}

fn until_there(database: &mut Database, table: &str, ids: &[String]) {
    for id in ids {
        eventually("its row is there", Duration::from_mins(1), || is_there(database, table, id).then_some(()));
    }
}

fn with_redis(settings: Vec<(&'static str, &'static str)>, redis: &Redis) -> Vec<(&'static str, &'static str)> {
    [settings, vec![("ANAMNESIS_REDIS_URL", redis.url().leak())]].concat()
}

fn at_broker(settings: Vec<(&'static str, &'static str)>, broker: &Broker) -> Vec<(&'static str, &'static str)> {
    let elsewhere = settings.into_iter().filter(|(name, _)| *name != "ANAMNESIS_KAFKA_BROKERS");
    elsewhere.chain([("ANAMNESIS_KAFKA_BROKERS", &*broker.address().leak())]).collect()
}

fn path_of(registered: &Answer) -> String {
    format!("/v1/patients/{}", registered.id())
}

/// Refused because the read model isn't that new, with a time to come again.
#[track_caller]
fn not_yet(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text());
    assert!(answer.header("retry-after").is_some());
}

/// Reads what there is, so that something is cached while it changes. Without `serve` nobody answers.
fn look_around(doctor: &Client, done: &AtomicBool) {
    let read = |path: &str| {
        let answer = doctor.request("GET", path).try_send()?;
        assert!([200, 503].contains(&answer.status), "{}: {}", answer.asked, answer.text());
        (answer.status == 200).then(|| answer.json())
    };
    while !done.load(Ordering::Relaxed) {
        for path in profiles_and_days(read) {
            read(&path);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The paths of who is there, and of days on which they were.
fn profiles_and_days(read: impl Fn(&str) -> Option<Value>) -> Vec<String> {
    let list = |path: &str| read(path).and_then(|listed| listed["items"].as_array().cloned()).unwrap_or_default();
    let profiles = list("/v1/patients?limit=20").into_iter().map(|patient| format!("/v1/patients/{}", patient["patient_id"].as_str().unwrap()));
    let mut days: Vec<_> = list("/v1/appointments?limit=20").iter().map(|visit| visit["scheduled_at"].as_str().unwrap()[..10].to_owned()).collect();
    days.dedup();
    profiles.chain(days.into_iter().map(|day| format!("/v1/appointments?day={day}"))).collect()
}

/// Waits until `/health/ready` names what is missing, with that status.
fn until_told(clinic: &Clinic, dependency: &str, (code, status): (u16, &str)) {
    eventually("readiness tells what is missing", TOLD_WITHIN, || {
        let told = clinic.server.anonymous().get("/health/ready");
        let document = told.json();
        let missing = document["dependencies"].as_array().unwrap().iter().find(|line| line["name"] == dependency)?.clone();
        (told.status == code && document["status"] == status && missing["is_well"] == false).then_some(())
    });
    assert_eq!(clinic.server.anonymous().get("/health/live").status, 200);
}

/// The journal, the log, Kafka and the rows of the read models.
fn everything_agrees(clinic: &Clinic) {
    let mut database = clinic.server.database();
    database.settled();
    let counts = "select (select count(*) from journal.events), (select count(*) from journal.log), (select max(position) from journal.log)";
    let row = database.rows(counts).remove(0);
    let (events, entries, position): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert!(events == entries && entries == position, "{events} events, {entries} entries, last position {position}");
    let kafka = eventually("everything is in Kafka", Duration::from_mins(2), || {
        let told = clinic.server.run(&["verify", "--kafka", "--json"]).json();
        assert_eq!((&told["sound"], &told["kafka"]["sound"]), (&true.into(), &true.into()), "{told:#}");
        (told["kafka"]["unpublished"] == 0).then(|| told["kafka"].clone())
    });
    assert_eq!(kafka["records"], kafka["up_to"], "every event is one record: {kafka:#}");
    read_models_agree(&clinic.server);
}

/// What Kafka brought into the rows is compared with what the log does.
fn every_read_model_is_what_the_log_makes_of_it(clinic: &Clinic) {
    let listed = clinic.server.run(&["projection", "list", "--json"]).json();
    for line in listed.as_array().unwrap() {
        let rebuilt = clinic.server.run(&["projection", "rebuild", line["projection"].as_str().unwrap(), "--json"]).json();
        assert!(rebuilt["digest"].is_string(), "{line} was compared: {rebuilt}");
    }
}

/// What was read through the cache until now is the same when the cache has been emptied.
fn the_cache_says_what_the_read_models_say(clinic: &Clinic, redis: &Redis) {
    let (doctor, (patient, provider)) = (clinic.doctor(), (clinic.new_patient(), clinic.new_provider()));
    let (today, tomorrow, later) = (Utc::now(), Utc::now() + Days::new(1), Utc::now() + Days::new(9));
    let at = |time: chrono::DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let booked = clinic.staff().post("/v1/appointments", &appointment(&patient, &provider, &at(tomorrow), 30)).expect(201);
    let schedule = format!("/v1/appointments?provider={provider}&from={}&to={}", at(today), at(later));
    let listed = doctor.get_after(&schedule, &booked.consistency()).expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed:#}");

    let mut paths = profiles_and_days(|path| Some(doctor.get(path).expect(200).json()));
    paths.push(schedule);
    assert!(paths.len() > patient_ids(clinic).len() + 2, "{paths:?}");
    let read = || paths.iter().map(|path| doctor.get(path).expect(200).text()).collect::<Vec<_>>();
    let keys: Vec<String> = paths.iter().map(|path| key_of(path)).collect();
    let before = read();
    eventually("all of it is cached", Duration::from_secs(30), || {
        assert_eq!(read(), before, "it says the same each time");
        let names: Vec<_> = redis.dump().into_iter().map(|(name, _)| name).collect();
        keys.iter().all(|key| names.iter().any(|name| name.ends_with(key))).then_some(())
    });
    let cached = read();
    redis.flush();
    let fresh = read();
    for ((path, cached), fresh) in paths.iter().zip(cached).zip(fresh) {
        assert_eq!(cached, fresh, "{path}");
    }
}

/// What the answer to a query is kept under.
fn key_of(path: &str) -> String {
    let parameter = |name: &str| path.split_once(&format!("{name}=")).map(|(_, rest)| rest.split('&').next().unwrap());
    match (parameter("day"), parameter("provider")) {
        (Some(day), _) => format!("realtime:appointments:{day}"),
        (None, Some(provider)) => format!("health:provider:{provider}:schedule"),
        (None, None) => format!("health:patient:{}:profile", path.rsplit('/').next().unwrap()),
    }
}
