//! What do analysts get? Every event, without who it is about.

use std::collections::BTreeSet;
use std::fs;

use anamnesis_tests::{bundle_entries, demo_folder};
use serde_json::Value;

use crate::imported::imported;

fn replay(arguments: &[&str]) -> Vec<Value> {
    let mut command = vec!["replay", "--format", "ndjson", "--out", "-"];
    command.extend(arguments);
    let run = imported().clinic.server.run(&command).expect(0);
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn end() -> String {
    imported().end.to_string()
}

#[test]
fn a_replay_tells_every_event_in_order() {
    let events = replay(&["--to", &end()]);
    let positions: Vec<_> = events.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, (1..=imported().end).collect::<Vec<_>>());
}

#[test]
fn without_being_asked_a_replay_names_nobody() {
    let (server, path) = (&imported().clinic.server, imported().clinic.server.scratch().join("events.ndjson"));
    server.run(&["replay", "--format", "ndjson", "--to", &end(), "--out", &path.display().to_string()]).expect(0);
    let told = fs::read_to_string(&path).unwrap();
    let ids: Vec<String> =
        server.database().all("select distinct aggregate_id::text from journal.events where aggregate_type in ('patient', 'provider', 'account')");
    let leaked: Vec<_> = ids.iter().filter(|id| told.contains(*id)).collect();
    assert!(leaked.is_empty(), "real ids: {leaked:?}");
    for name in identifying() {
        assert!(!told.contains(&name), "{name} is in it");
    }
    assert!(told.contains("http://snomed.info/sct"), "codes are what analysts want");
}

#[test]
fn identified_only_when_asked_and_then_recorded() {
    let server = &imported().clinic.server;
    let count = "select count(*) from journal.events where aggregate_type = 'access' and actor_id = '00000000-0000-8000-8000-000000000002'";
    let before: i64 = server.database().one(count);
    let names = identifying();
    let told = replay(&["--identified", "--to", &end(), "--type", "PatientRegistered"]);
    assert_eq!(told.len(), 6);
    let text: String = told.iter().map(Value::to_string).collect();
    assert!(names.iter().any(|name| text.contains(name)));
    assert!(server.database().one::<i64>(count) > before, "it was recorded");
}

#[test]
fn a_replay_can_be_narrowed_by_topic_type_patient_and_position() {
    let of_topic = replay(&["--topic", "appointment-events", "--to", &end()]);
    assert!(!of_topic.is_empty() && of_topic.iter().all(|event| event["aggregateType"] == "appointment"));
    let of_type = replay(&["--type", "ConditionRecorded", "--to", &end()]);
    assert!(!of_type.is_empty() && of_type.iter().all(|event| event["eventType"] == "ConditionRecorded"));
    let (from, to) = (imported().end / 3, imported().end / 2);
    let between = replay(&["--from", &from.to_string(), "--to", &to.to_string()]);
    assert_eq!(between.len() as u64, to - from + 1);
    let id: String =
        imported().clinic.server.database().one("select aggregate_id::text from journal.events where aggregate_type = 'patient' limit 1");
    let of_patient = replay(&["--patient", &id, "--to", &end()]);
    let subjects: BTreeSet<_> = of_patient.iter().map(|event| event["subjectId"].to_string()).collect();
    assert_eq!(subjects.len(), 1);
    assert!(of_patient.len() > 10);
}

#[test]
fn a_replay_of_what_does_not_exist_is_an_error() {
    let server = &imported().clinic.server;
    for arguments in [["--topic", "weather-events"], ["--type", "PatientForgotten"]] {
        server.run(&[&["replay", "--format", "ndjson", "--out", "-"], &arguments[..]].concat()).expect(1);
    }
    server.run(&["replay", "--format", "xml", "--out", "-"]).expect(2);
    server.run(&["replay", "--identified", "--deidentified", "--out", "-"]).expect(2);
}

/// What says who the patients are: names, streets, numbers, birth dates.
fn identifying() -> Vec<String> {
    let mut found = Vec::new();
    for file in ["abram53", "alphonse92", "dionne995", "kathern391", "loren192", "marty115"] {
        let entries = bundle_entries(&demo_folder().join(format!("{file}.json.gz")));
        let patient = &entries.iter().find(|entry| entry["resource"]["resourceType"] == "Patient").unwrap()["resource"];
        let texts =
            [&patient["name"][0]["family"], &patient["name"][0]["given"][0], &patient["address"][0]["line"][0], &patient["telecom"][0]["value"]];
        found.extend(
            texts.into_iter().chain([&patient["identifier"][0]["value"], &patient["birthDate"]]).map(|text| text.as_str().unwrap().to_owned()),
        );
    }
    found
}
