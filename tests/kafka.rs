//! Is what Kafka has the log, and can anybody at the host tell?

use std::time::Duration;

use anamnesis_tests::{Clinic, Server, Settings, clinic, eventually, new_patient, unique, unique_name};

/// A cluster's topics of this test's own.
fn settings() -> Settings {
    let given = |name: &str| -> &'static str { std::env::var(name).unwrap_or_else(|_| panic!("{name} isn't set: ./dev test does")).leak() };
    vec![
        ("ANAMNESIS_KAFKA_BROKERS", given("ANAMNESIS_TEST_KAFKA_BROKERS")),
        ("ANAMNESIS_KAFKA_SCHEMA_REGISTRY_URL", given("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL")),
        ("ANAMNESIS_KAFKA_TOPIC_PREFIX", format!("{}-", unique()).leak() as &'static str),
        ("ANAMNESIS_KAFKA_REPLICATION_FACTOR", "1"),
    ]
    .leak()
}

#[test]
fn what_happens_reaches_kafka_and_is_compared_there() {
    let clinic = Clinic::at(Server::with(settings()));
    for _ in 0..3 {
        clinic.register(&new_patient(&unique_name("Published")));
    }
    let kafka = eventually("everything is in Kafka", Duration::from_mins(2), || {
        let kafka = clinic.server.run(&["verify", "--kafka", "--json"]).json()["kafka"].clone();
        assert_eq!((&kafka["sound"], kafka["findings"].as_array().map(Vec::len)), (&true.into(), Some(0)), "{kafka:#}");
        (kafka["unpublished"] == 0 && kafka["up_to"].as_u64() > Some(3)).then_some(kafka)
    });
    assert_eq!(kafka["records"], kafka["up_to"], "every event is one record: {kafka:#}");
    let told = clinic.server.run(&["doctor", "--json"]).json();
    let publication = told.as_array().unwrap().iter().find(|line| line["check"] == "publication").unwrap();
    assert_eq!(publication["state"], "ok", "{told:#}");
}

#[test]
fn without_a_kafka_it_is_said_what_to_set() {
    for asked in [&["verify", "--kafka"][..], &["publish"]] {
        let run = clinic().server.run(asked).expect(1);
        assert!(run.stderr.contains("ANAMNESIS_KAFKA_BROKERS"), "{run}");
    }
}
