//! What was known then?

use anamnesis_tests::{Clinic, clinic, new_patient, unique_name};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::imported::{Kept, imported};

#[test]
fn what_the_api_answered_at_a_position_it_answers_as_of_that_position_for_ever() {
    let imported = imported();
    let doctor = imported.clinic.doctor();
    for Kept { position, path, answer } in some_kept(60) {
        let then = doctor.get(&format!("{path}?as_of={position}")).expect(200);
        assert_eq!(then.position(), position, "{path}");
        assert_eq!(then.json(), answer, "{path} as of {position}");
    }
}

#[test]
fn the_command_line_tells_as_of_a_position_what_the_api_answered_there() {
    for Kept { position, path, answer } in some_kept(12) {
        let mut parts = path.split('/').skip(3);
        let (patient, part) = (parts.next().unwrap(), parts.next());
        let told = imported().clinic.server.run(&["history", "--patient", patient, "--as-of", &position.to_string(), "--json"]).json();
        match part {
            None => assert_eq!(told["patient"], answer, "{path} as of {position}"),
            Some(list) => assert_eq!(told[list], answer["items"], "{path} as of {position}"),
        }
    }
}

#[test]
fn most_kept_answers_were_overtaken_so_that_the_comparison_means_something() {
    let kept = &imported().kept;
    let doctor = imported().clinic.doctor();
    assert!(kept.len() > 20, "only {} answers were kept", kept.len());
    let first = kept.iter().find(|kept| kept.path.ends_with("/conditions")).unwrap();
    assert_ne!(doctor.get(&first.path).expect(200).json(), first.answer, "the first answer was the last word already");
}

/// A patient of this test's own, with the position after each of three changes.
fn told_in_steps(clinic: &Clinic) -> (String, Vec<u64>, Vec<String>) {
    let families: Vec<_> = ["Born", "Married", "Divorced"].map(unique_name).into();
    let registered = clinic.register(&new_patient(&families[0]));
    let (id, mut positions) = (registered.id(), vec![registered.position()]);
    for family in &families[1..] {
        let body = json!({ "name": { "family": family }, "birth_date": "1984-02-29", "gender": "FEMALE" });
        positions.push(clinic.staff().post(&format!("/v1/patients/{id}/correct-demographics"), &body).expect(200).position());
    }
    (id, positions, families)
}

#[test]
fn as_of_each_position_a_patient_is_as_then_known() {
    let clinic = clinic();
    let (id, positions, families) = told_in_steps(clinic);
    let path = format!("/v1/patients/{id}");
    for (position, family) in positions.iter().zip(&families) {
        let then = clinic.doctor().get(&format!("{path}?as_of={position}")).expect(200).json();
        assert_eq!(then["demographics"]["name"]["family"], *family);
    }
    assert_eq!(clinic.doctor().get(&format!("{path}?as_of={}", positions[0] - 1)).problem(404), "not-found");
    let (head, next): (u64, u64) = (clinic.doctor().get_after(&path, &positions[2].to_string()).position(), u64::MAX / 4);
    assert!(head >= positions[2]);
    clinic.doctor().get(&format!("{path}?as_of={next}")).problem(422);
}

#[test]
fn as_of_a_time_is_as_of_what_was_logged_by_then() {
    let clinic = clinic();
    let (id, positions, families) = told_in_steps(clinic);
    let logged = format!(
        "select to_char(logged_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from journal.log where position = {}",
        positions[1]
    );
    let time: String = clinic.server.database().one(&logged);
    let then = clinic.doctor().get(&format!("/v1/patients/{id}?as_of={time}")).expect(200);
    assert_eq!(then.json()["demographics"]["name"]["family"], families[1]);
    let told = clinic.server.run(&["history", "--patient", &id, "--as-of", &time, "--json"]).json();
    assert_eq!(told["patient"], then.json());
    let future = clinic.server.run(&["history", "--patient", &id, "--as-of", "2999-01-01T00:00:00Z", "--json"]);
    assert_eq!(future.code, 1, "{future}");
}

#[test]
fn the_timeline_tells_every_event_in_order_and_who_did_it() {
    let clinic = clinic();
    let (id, positions, families) = told_in_steps(clinic);
    let timeline = clinic.doctor().get_after(&format!("/v1/patients/{id}/history"), &format!("patient/{id}@3")).expect(200).json();
    let events = timeline["items"].as_array().unwrap();
    let told: Vec<_> = events.iter().map(|event| (event["event_type"].as_str().unwrap(), event["position"].as_u64().unwrap())).collect();
    let corrected = "PatientDemographicsCorrected";
    assert_eq!(told, [("PatientRegistered", positions[0]), (corrected, positions[1]), (corrected, positions[2])]);
    assert!(events.iter().all(|event| event["actor_id"] == clinic.staff().account_id.as_str()));
    assert!(events[0].to_string().contains(&families[0]));
}

#[test]
fn the_difference_between_two_positions_is_what_changed_and_nothing_else() {
    let clinic = clinic();
    let (id, positions, families) = told_in_steps(clinic);
    let path = format!("/v1/patients/{id}/history/diff?from={}&to={}", positions[0], positions[2]);
    let difference = clinic.doctor().get(&path).expect(200);
    assert!(difference.text().contains(&families[0]) && difference.text().contains(&families[2]), "{}", difference.text());
    assert!(!difference.text().contains(&families[1]), "{}", difference.text());
    assert!(!difference.text().contains("1984-02-29"), "the birth date is the same: {}", difference.text());
    let (from, to) = (positions[0].to_string(), positions[2].to_string());
    let told = clinic.server.run(&["history", "--patient", &id, "--diff", &from, &to, "--json"]).json();
    assert_eq!(changes(&told), changes(&difference.json()));
    let none = clinic.server.run(&["history", "--patient", &id, "--diff", &to, &to, "--json"]).json();
    assert_eq!(changes(&none), json!([]), "{none}");
}

#[test]
fn a_look_into_the_past_from_the_command_line_is_recorded_too() {
    let clinic = clinic();
    let id = clinic.new_patient();
    clinic.server.run(&["history", "--patient", &id, "--json"]).json();
    let disclosures = clinic.audited(&format!("/v1/patients/{id}/disclosures"));
    let by_command_line = disclosures.iter().filter(|access| access["access_method"] == "CLI").count();
    assert_eq!(by_command_line, 1, "{disclosures:#?}");
}

fn changes(difference: &Value) -> Value {
    difference["differences"].clone()
}

/// Some of the answers, the same at each run of a test on the same answers.
fn some_kept(count: usize) -> Vec<Kept> {
    let mut seeded = StdRng::seed_from_u64(20_261_122);
    let _warm_up: u8 = seeded.random();
    imported().kept.choose_multiple(&mut seeded, count).cloned().collect()
}
