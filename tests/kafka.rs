//! Is what Kafka has the log, and can anybody at the host tell?

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anamnesis_tests::{Clinic, Run, Server, clinic, eventually, new_patient, unique, unique_name};
use serde_json::Value;

pub(crate) fn given(name: &str) -> &'static str {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} isn't set: ./dev test does")).leak()
}

/// A cluster's topics of a test's own, and what is in front of their names.
pub(crate) fn settings() -> (Vec<(&'static str, &'static str)>, &'static str) {
    let prefix: &str = format!("{}-", unique()).leak();
    let settings = vec![
        ("ANAMNESIS_KAFKA_BROKERS", given("ANAMNESIS_TEST_KAFKA_BROKERS")),
        ("ANAMNESIS_KAFKA_SCHEMA_REGISTRY_URL", given("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL")),
        ("ANAMNESIS_KAFKA_TOPIC_PREFIX", prefix),
        ("ANAMNESIS_KAFKA_REPLICATION_FACTOR", "1"),
        ("ANAMNESIS_KAFKA_VERIFY_EVERY_MS", "500"),
    ];
    (settings, prefix)
}

#[test]
fn what_happens_reaches_kafka_and_is_compared_there() {
    let (settings, prefix) = settings();
    let clinic = Clinic::at(Server::with(settings.leak()));
    for _ in 0..3 {
        clinic.register(&new_patient(&unique_name("Published")));
    }
    let (kafka, up_to) = eventually("everything is in Kafka", Duration::from_mins(2), || {
        let kafka = clinic.server.run(&["verify", "--kafka", "--json"]).json()["kafka"].clone();
        assert_eq!((&kafka["sound"], kafka["findings"].as_array().map(Vec::len)), (&true.into(), Some(0)), "{kafka:#}");
        let up_to = kafka["up_to"].as_u64().filter(|up_to| kafka["unpublished"] == 0 && *up_to > 3)?;
        Some((kafka, up_to))
    });
    assert_eq!(kafka["records"], kafka["up_to"], "every event is one record: {kafka:#}");
    let told = clinic.server.run(&["doctor", "--json"]).json();
    let publication = told.as_array().unwrap().iter().find(|line| line["check"] == "publication").unwrap();
    assert_eq!(publication["state"], "ok", "{told:#}");
    analysts_read_every_topic(prefix, up_to);
}

/// `docs/examples/`, as somebody runs it who has nothing but Python and the brokers.
fn analysts_read_every_topic(prefix: &str, up_to: u64) {
    let mut positions = vec![];
    for (topic, aggregates) in [
        ("patient-events", &["patient", "consent", "provider", "organization", "facility"][..]),
        ("appointment-events", &["appointment"]),
        ("document-events", &["record", "document"]),
        ("audit-events", &["account", "access", "compliance", "system"]),
        ("notification-events", &["notification"]),
        ("ai-events", &["insight", "model", "prediction"]),
    ] {
        for event in read_topic(prefix, topic) {
            assert!(aggregates.contains(&event["aggregateType"].as_str().unwrap()), "{topic}: {event}");
            assert!(event["data"]["sealed_bytes"].as_u64() > Some(300) && event["eventId"].as_str().unwrap().len() == 36, "{event}");
            positions.push(event["position"].as_u64().unwrap());
        }
    }
    positions.retain(|position| *position <= up_to);
    positions.sort_unstable();
    assert_eq!(positions, (1..=up_to).collect::<Vec<_>>(), "every event is in one of the topics");
    let heads =
        eventually("a signed head is published", Duration::from_mins(1), || Some(read_topic(prefix, "log-heads")).filter(|heads| !heads.is_empty()));
    assert!(heads[0]["note"].as_str().unwrap().contains(&format!("\n{}\n", heads[0]["size"])), "{heads:?}");
}

fn read_topic(prefix: &str, topic: &str) -> Vec<Value> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let python = root.join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: ./dev test makes it", python.display());
    let mut command = Command::new(python);
    command.arg(root.join("docs/examples/read_topic.py")).args([topic, "--prefix", prefix]);
    command.args(["--brokers", given("ANAMNESIS_TEST_KAFKA_BROKERS"), "--registry", given("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL")]);
    let run = Run::of(&mut command).expect(0);
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn without_a_kafka_it_is_said_what_to_set() {
    for asked in [&["verify", "--kafka"][..], &["publish"]] {
        let run = clinic().server.run(asked).expect(1);
        assert!(run.stderr.contains("ANAMNESIS_KAFKA_BROKERS"), "{run}");
    }
}
