//! Can a read model be thrown away and built anew, while people work?

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anamnesis_tests::{clinic, eventually, new_patient, unique_name};

#[test]
fn the_list_names_every_read_model_and_how_far_it_has_come() {
    let clinic = clinic();
    clinic.new_patient();
    eventually("every read model has come to the end", Duration::from_mins(1), || {
        let listed = clinic.server.run(&["projection", "list", "--json"]).json();
        let lines = listed.as_array().unwrap();
        let names: Vec<_> = lines.iter().filter_map(|line| line["projection"].as_str()).collect();
        for name in ["patients", "appointments", "records", "insights", "providers", "organizations", "accounts", "audit_logs", "data_access_logs"] {
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
        std::thread::sleep(Duration::from_millis(500));
        done.store(true, Ordering::Relaxed);
        let registered = requests.join().unwrap();
        let told = rebuilt.json();
        assert!(told["digest"].as_str().is_some_and(|digest| digest.len() >= 32), "{told}");
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
