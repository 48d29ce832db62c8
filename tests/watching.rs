//! Does the system notice by itself that something doesn't go on?

use std::fs;
use std::time::Duration;

use anamnesis_tests::{Apart, Client, Part, eventually};

use crate::kafka::settings;

const SOON: Duration = Duration::from_mins(1);

/// What a part tells at the place that its log names.
fn metrics(apart: &Apart, part: Part, file: &str) -> String {
    let server = &apart.clinic.server;
    let log = if part == Part::Serve { server.log() } else { server.scratch().join(file) };
    let address = eventually("it says where it tells", SOON, || {
        let said = fs::read_to_string(&log).ok()?;
        let (_, rest) = said.rsplit_once("metrics at ")?;
        rest.split_once("/metrics").map(|(address, _)| address.to_owned())
    });
    let told = Client::new(&address).get("/metrics").expect(200);
    assert!(told.must("content-type").starts_with("application/openmetrics-text"), "{part:?}");
    told.text()
}

#[test]
fn each_part_tells_what_it_measures_and_a_canary_that_stays_away_is_noticed() {
    let watching = [("ANAMNESIS_CANARY_EVERY_MS", "500"), ("ANAMNESIS_CANARY_WITHIN_MS", "8000")];
    let apart = Apart::start(&[settings().0, watching.to_vec()].concat(), 1);
    let patient = apart.clinic.new_patient();
    for (part, file, own) in [
        (Part::Serve, "", "route=\"/v1/patients\""),
        (Part::Sequence, "sequence.log", "anamnesis_loops{loop=\"canary\",condition=\"alive\"} 1.0"),
        (Part::Publish, "publish.log", "anamnesis_leads{lease=\"publication\"} 1.0"),
        (Part::Project(1), "project-1.log", "anamnesis_projection_events_total{projection=\"patients\"}"),
    ] {
        let told = metrics(&apart, part, file);
        assert!(told.contains(own), "{part:?}: {told}");
        for everywhere in ["anamnesis_log_gap 0.0", "anamnesis_log_position ", "anamnesis_database_up 1.0", "anamnesis_projection_position{"] {
            assert!(told.contains(everywhere), "{part:?}: {everywhere} isn't in {told}");
        }
        assert!(!told.contains(&patient), "no label names anybody");
    }
    eventually("a canary has come through", SOON, || {
        metrics(&apart, Part::Sequence, "sequence.log").contains("anamnesis_canary_latency_seconds_count{stage=\"visible\"}").then_some(())
    });

    let canary = || {
        let told = apart.clinic.server.anonymous().get("/health/ready");
        let body = told.json();
        let canary = body["dependencies"].as_array().unwrap().iter().find(|line| line["name"] == "canary").cloned();
        (told.status, canary.unwrap_or_else(|| panic!("{body}"))["is_well"] == true)
    };
    let doctor = || {
        let examined: serde_json::Value = serde_json::from_str(&apart.clinic.server.run(&["doctor", "--json"]).stdout).unwrap();
        let canary = examined.as_array().unwrap().iter().find(|finding| finding["check"] == "canary").cloned();
        canary.unwrap_or_else(|| panic!("{examined}"))["state"].clone()
    };
    eventually("all is well", SOON, || (canary() == (200, true) && doctor() == "ok").then_some(()));
    // Kafka's copy stays behind: requests are answered, from older rows
    apart.kill(Part::Publish);
    eventually("it doesn't come through Kafka", SOON, || (canary() == (200, false) && doctor() == "bad").then_some(()));
    apart.begin(Part::Publish);
    eventually("it comes through again", SOON, || (canary() == (200, true)).then_some(()));
    apart.kill(Part::Sequence);
    eventually("nobody writes it", SOON, || (canary() == (503, false)).then_some(()));
    apart.begin(Part::Sequence);
    eventually("all is well again", SOON, || (canary() == (200, true)).then_some(()));
}
