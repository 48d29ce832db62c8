//! Can a read model be thrown away and built anew, while people work?

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anamnesis_tests::{Clinic, Database, Server, clinic, eventually, new_patient, unique_name};
use serde_json::Value;

#[test]
fn the_list_names_every_read_model_and_how_far_it_has_come() {
    let clinic = clinic();
    clinic.new_patient();
    eventually("every read model has come to the end", Duration::from_mins(1), || {
        let listed = clinic.server.run(&["projection", "list", "--json"]).json();
        let lines = listed.as_array().unwrap();
        let names: Vec<_> = lines.iter().filter_map(|line| line["projection"].as_str()).collect();
        for name in [
            "patients",
            "appointments",
            "records",
            "insights",
            "models",
            "predictions",
            "providers",
            "organizations",
            "accounts",
            "audit_logs",
            "data_access_logs",
        ] {
            assert!(names.contains(&name), "{name} isn't in {names:?}");
        }
        let told = |line: &serde_json::Value, name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} isn't in {line}"));
        assert!(
            lines.iter().all(|line| told(line, "behind_seconds") >= 0.0 && told(line, "events_per_second") >= 0.0 && told(line, "parked") >= 0.0)
        );
        lines.iter().all(|line| line["behind"].as_i64().unwrap() < 50).then_some(())
    });
}

#[test]
fn a_read_model_is_rebuilt_to_the_same_while_requests_go_on() {
    let clinic = clinic();
    let (doctor, done) = (clinic.doctor(), AtomicBool::new(false));
    let family = unique_name("Rebuilt");
    let before = clinic.register(&new_patient(&family));
    let path = format!("/v1/patients/{}", before.id());
    let answered = doctor.get_after(&path, &before.consistency()).expect(200).json();
    std::thread::scope(|scope| {
        let requests = scope.spawn(|| {
            let mut registered = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let answer = clinic.register(&new_patient(&unique_name("Meanwhile")));
                let read = eventually("it can be read", Duration::from_secs(30), || {
                    let read = doctor.get_after(&format!("/v1/patients/{}", answer.id()), &answer.consistency());
                    assert!([200, 503].contains(&read.status), "{}", read.text());
                    (read.status == 200).then_some(read)
                });
                registered.push((answer.id(), read.json()));
            }
            registered
        });
        let rebuilt = clinic.server.run(&["projection", "rebuild", "patients", "--json"]);
        let back = clinic.server.run(&["projection", "rollback", "patients", "--json"]);
        std::thread::sleep(Duration::from_millis(500));
        done.store(true, Ordering::Relaxed);
        let registered = requests.join().unwrap();
        let told = rebuilt.json();
        assert!(told["digest"].as_str().is_some_and(|digest| digest.len() >= 32), "{told}");
        assert!(back.json()["position"].as_u64() >= told["position"].as_u64());
        assert!(!registered.is_empty());
        for (id, read) in registered {
            assert_eq!(doctor.get(&format!("/v1/patients/{id}")).expect(200).json(), read);
        }
    });
    assert_eq!(doctor.get(&path).expect(200).json(), answered);
    let twice = ["projection", "rebuild", "patients", "--json"];
    clinic.server.run(&twice).expect(0);
}

#[test]
fn a_read_model_that_does_not_exist_is_not_rebuilt() {
    let refused = clinic().server.run(&["projection", "rebuild", "dreams"]);
    assert!([1, 2].contains(&refused.code), "{refused}");
    assert!(refused.stderr.contains("dreams"), "{refused}");
}

fn patient_path(clinic: &Clinic) -> String {
    let registered = clinic.register(&new_patient(&unique_name("Evolved")));
    let path = format!("/v1/patients/{}", registered.id());
    clinic.doctor().get_after(&path, &registered.consistency()).expect(200);
    path
}

fn projection_in(ready: &Value, name: &str) -> Value {
    let name = format!("projection {name}");
    ready["dependencies"].as_array().unwrap().iter().find(|dependency| dependency["name"] == *name).unwrap().clone()
}

/// As if an older version of the program had made its tables.
fn change_definition(database: &mut Database, projection: &str) {
    let age = "update read.versions set definition = 'another', outranks = 0";
    database.execute(&format!("{age} where projection = '{projection}' and state = 'live'"));
}

fn is_deployed(database: &mut Database, projection: &str) -> bool {
    database.one(&format!("select definition <> 'another' from read.versions where projection = '{projection}' and state = 'live'"))
}

/// Starts it again and waits until it answers, however its read models are.
fn start_again(clinic: &Clinic) {
    assert_eq!(clinic.server.stop(), Some(0));
    clinic.server.launch(&[]);
    eventually("it answers", Duration::from_mins(1), || clinic.server.anonymous().request("GET", "/health/live").try_send());
}

#[test]
fn a_changed_read_model_is_built_while_the_old_one_and_everything_else_is_served() {
    let clinic = Clinic::at(Server::start());
    let path = patient_path(&clinic);
    let shown = clinic.doctor().get(&path).expect(200).json();
    let mut database = clinic.server.database();
    change_definition(&mut database, "patients");
    // nothing that is built is ever done
    database.execute(
        "create function public.refuse() returns event_trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
         create event trigger refuse on ddl_command_start when tag in ('ALTER TABLE') execute function public.refuse()",
    );
    drop(database);
    start_again(&clinic);
    let doctor = clinic.doctor();
    assert_eq!(doctor.get(&path).expect(200).json(), shown, "from the old tables");
    let state_of = |name: &str| {
        let ready = clinic.server.anonymous().get("/health/ready");
        (ready.status, projection_in(&ready.json(), name)["is_well"] == true)
    };
    eventually("the others go on", Duration::from_secs(30), || state_of("consents").1.then_some(()));
    assert_eq!(state_of("patients"), (503, false));
    let meanwhile = clinic.staff().post("/v1/patients", &new_patient(&unique_name("Meanwhile"))).expect(201);
    let new_path = format!("/v1/patients/{}", meanwhile.id());
    assert_eq!(doctor.get_once_after(&new_path, &meanwhile.consistency()).status, 503, "never without what was asked for");

    let mut database = clinic.server.database();
    assert!(!is_deployed(&mut database, "patients"));
    database.execute("drop event trigger refuse");
    eventually("it takes over", Duration::from_mins(2), || is_deployed(&mut database, "patients").then_some(()));
    doctor.get_after(&new_path, &meanwhile.consistency()).expect(200);
    clinic.server.wait_until_ready();
    assert_eq!(doctor.get(&path).expect(200).json(), shown);
}

#[test]
fn a_changed_read_model_that_meets_poison_keeps_nobody_from_starting() {
    let clinic = Clinic::at(Server::start());
    let path = patient_path(&clinic);
    let mut database = clinic.server.database();
    let head = database.settled();
    eventually("the audit log is that far", Duration::from_secs(30), || {
        let reached = "select position from journal.reached where consumer = 'audit_logs'";
        (database.one::<i64>(reached).cast_unsigned() >= head).then_some(())
    });
    let alter = "set session_replication_role = replica;
        update journal.events set payload = set_bit(payload, 777, 1 - get_bit(payload, 777)) where event_type = 'PatientRegistered';
        set session_replication_role = origin";
    database.execute(alter);
    change_definition(&mut database, "audit_logs");
    drop(database);
    start_again(&clinic);
    clinic.doctor().get(&path).expect(200);
    let parked = || clinic.server.run(&["projection", "park", "list", "--json"]).json().as_array().unwrap().clone();
    let noted =
        eventually("what is in the way is noted", Duration::from_secs(30), || parked().into_iter().find(|line| line["projection"] == "audit_logs"));
    assert_eq!((&noted["waits"], &noted["reason"]), (&"projection".into(), &"altered".into()), "{noted}");
    let mut database = clinic.server.database();
    assert!(!is_deployed(&mut database, "audit_logs"), "the old one stays");

    database.execute(alter);
    eventually("it is built once it is mended", Duration::from_mins(2), || is_deployed(&mut database, "audit_logs").then_some(()));
    clinic.server.wait_until_ready();
    assert_eq!(parked(), Vec::<Value>::new());
}

/// Whoever waits for a lock in this database, in words that tell which.
const WAITS: &str = "select exists (select from pg_locks where not granted and locktype || ' ' || mode = '";

#[test]
fn a_rebuild_killed_at_any_moment_changes_nothing_and_leaves_nothing() {
    let clinic = Clinic::at(Server::start());
    let path = patient_path(&clinic);
    let shown = clinic.doctor().get(&path).expect(200).json();
    let (mut database, mut held) = (clinic.server.database(), clinic.server.database());
    let rebuild = ["projection", "rebuild", "patients", "--json"];
    let digest = clinic.server.run(&rebuild).json()["digest"].clone();
    // a rebuild makes indexes once the rows are there; it waits with that as long as somebody holds this lock
    database.execute(
        "create function public.hold() returns event_trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(42); end $$;
         create event trigger hold on ddl_command_start when tag in ('CREATE INDEX') execute function public.hold()",
    );
    let aside = "select count(*) from read.versions where projection = 'patients' and state = 'building'";
    for (moment, lock, waits) in [
        ("building", "select pg_advisory_xact_lock(42)", "advisory ExclusiveLock"),
        ("comparing", "lock table read.patients in access exclusive mode", "relation AccessShareLock"),
        ("swapping", "select from read.patients", "relation AccessExclusiveLock"),
    ] {
        held.execute("begin");
        held.execute(lock);
        let mut rebuilding = clinic.server.command(&rebuild).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually(moment, Duration::from_mins(1), || {
            assert!(rebuilding.try_wait().unwrap().is_none(), "it ended before it was {moment}");
            (database.one::<bool>(&format!("{WAITS}{waits}')")) && database.one::<i64>(aside) == 1).then_some(())
        });
        rebuilding.kill().unwrap();
        rebuilding.wait().unwrap();
        held.execute("rollback");
        assert_eq!(clinic.doctor().get(&path).expect(200).json(), shown, "{moment}");
        if moment == "building" {
            start_again(&clinic);
            clinic.server.wait_until_ready();
            (database, held) = (clinic.server.database(), clinic.server.database());
            assert_eq!(database.one::<i64>(aside), 0, "whoever starts next clears it away");
        }
        let again = eventually("a new one works", Duration::from_secs(30), || {
            let again = clinic.server.run(&rebuild);
            (again.code == 0).then(|| again.json())
        });
        assert_eq!(again["digest"], digest, "{moment}");
        let states: Vec<String> = database.all("select state from read.versions where projection = 'patients' order by state");
        let schemas: i64 = database.one("select count(*) from pg_namespace where nspname like 'read\\_%' or nspname like 'audit\\_%'");
        assert_eq!((states, schemas), (vec!["kept".to_owned(), "live".to_owned()], 1), "{moment}");
        assert_eq!(clinic.doctor().get(&path).expect(200).json(), shown, "{moment}");
    }
    clinic.server.wait_until_ready();
}

#[test]
fn a_damaged_read_model_is_replaced_compared_with_the_past_and_gone_back_from() {
    let clinic = Clinic::at(Server::start());
    let path = patient_path(&clinic);
    let run = |arguments: &[&str]| clinic.server.run(&[&["projection"], arguments, &["--json"]].concat());
    let mut database = clinic.server.database();
    let sound = run(&["rebuild", "patients"]).json()["digest"].clone();
    assert!(sound.is_string());
    database.execute("update read.patients set status = 'DEACTIVATED', deactivated_at = now()");
    let refused = run(&["rebuild", "patients"]).expect(1);
    assert!(refused.stderr.contains("differ"), "{refused}");

    let head = database.settled().to_string();
    let stopped = run(&["rebuild", "patients", "--to", &head]).json();
    assert_eq!((&stopped["digest"], stopped["position"].to_string()), (&sound, head));
    run(&["rebuild", "patients", "--to", "1000000"]).expect(1);
    assert_eq!(database.one::<i64>("select count(*) from read.patients where status = 'DEACTIVATED'"), 1, "it changes nothing");

    run(&["rebuild", "patients", "--replace"]).expect(0);
    eventually("nothing that was cached of the damaged row is shown", Duration::from_secs(30), || {
        (clinic.doctor().get(&path).expect(200).json()["status"] == "ACTIVE").then_some(())
    });
    let listed = run(&["list"]).json();
    let keeps_earlier = |name: &str| listed.as_array().unwrap().iter().any(|line| line["projection"] == name && line["keeps_earlier"] == true);
    assert!(keeps_earlier("patients") && !keeps_earlier("consents"), "{listed}");
    run(&["rollback", "patients"]).expect(0);
    assert_eq!(database.one::<i64>("select count(*) from read.patients where status = 'DEACTIVATED'"), 1, "what is kept is what there was");
    run(&["rollback", "patients"]).expect(0);
    assert_eq!(run(&["drop-kept", "patients"]).json()["dropped"], true);
    assert_eq!(run(&["drop-kept", "patients"]).json()["dropped"], false);
    let refused = run(&["rollback", "patients"]).expect(1);
    assert!(refused.stderr.contains("kept"), "{refused}");
}
