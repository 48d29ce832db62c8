use anamnesis_domain::model::{ModelRegistered, ModelVersionActivated, ModelVersionEvaluated, ModelVersionRegistered, ModelVersionRetired};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, ORGANIZATION, log, told};

const MODEL: Uuid = Uuid::from_u128(0x11);

fn number(version: &str) -> ModelVersion {
    told(json!(version))
}

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn registered() -> ModelEvent {
    ModelRegistered { name: told(json!("Falls")), model_type: ModelType::Classification, registered_at: at(1) }.into()
}

fn version(version: &str) -> ModelEvent {
    let version = json!({ "version": version, "description": format!("falls, {version}"), "provider": "St. Mary's", "training_data_size": 12,
        "artifact": { "file_path": format!("{version}.onnx"), "sha256": "a".repeat(64) }, "metadata": { "threshold": 0.50 } });
    ModelVersionRegistered { version: told(version), registered_at: at(2) }.into()
}

fn evaluated(version: &str, accuracy: f64) -> ModelEvent {
    let evaluation = told(json!({ "accuracy_score": accuracy }));
    ModelVersionEvaluated { version: number(version), evaluation, evaluated_at: at(3) }.into()
}

fn activated(version: &str, replaces: Option<&str>) -> ModelEvent {
    ModelVersionActivated { version: number(version), replaces: replaces.map(number), activated_at: at(4) }.into()
}

fn retired(version: &str) -> ModelEvent {
    ModelVersionRetired { version: number(version), reason: Some(told(json!("worse than before"))), retired_at: at(5) }.into()
}

fn given(events: impl IntoIterator<Item = ModelEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.audit_event("model", MODEL, event))
}

fn says(log: &Log, columns: [&str; 3]) -> [Option<String>; 3] {
    columns.map(|column| log.says::<Models>(column))
}

#[test]
fn a_model_stands_as_its_first_version() {
    let log = given([registered(), version("1.0")]);
    assert_eq!(says(&log, ["name", "version", "status"]), ["Falls", "1.0", "REGISTERED"].map(|text| Some(text.to_owned())));
    assert_eq!(
        says(&log, ["description", "file_path", "provider"]),
        ["\"falls, 1.0\"", "\"1.0.onnx\"", "\"St. Mary's\""].map(|text| Some(text.to_owned()))
    );
    assert_eq!(says(&log, ["is_active", "training_data_size", "accuracy_score"]), [Some("false".to_owned()), Some("12".to_owned()), None]);
    let row = log.rows::<Models>().remove(0);
    assert_eq!(row.row.file_sha256, Some("a".repeat(64)));
    assert_eq!(row.stamp.subject_id, ORGANIZATION);
}

#[test]
fn the_version_in_use_is_the_one_that_is_shown() {
    let both = || [registered(), version("1.0"), version("2.0"), evaluated("1.0", 0.5), evaluated("2.0", 0.75)];
    let shown = |then: Vec<ModelEvent>| {
        let log = given(both().into_iter().chain(then));
        says(&log, ["version", "status", "accuracy_score"]).map(Option::unwrap)
    };
    assert_eq!(shown(vec![]), ["2.0", "REGISTERED", "0.75"], "without one in use, the newest");
    assert_eq!(shown(vec![activated("1.0", None)]), ["1.0", "ACTIVE", "0.5"]);
    assert_eq!(shown(vec![activated("1.0", None), activated("2.0", Some("1.0"))]), ["2.0", "ACTIVE", "0.75"]);
    assert_eq!(shown(vec![activated("2.0", None), retired("2.0")]), ["1.0", "REGISTERED", "0.5"], "the newest that could be");
    assert_eq!(shown(vec![retired("1.0"), retired("2.0")]), ["2.0", "RETIRED", "0.75"]);
}

#[test]
fn every_version_keeps_what_became_of_it() {
    let log = given([registered(), version("1.0"), version("2.0"), activated("1.0", None), activated("2.0", Some("1.0")), retired("1.0")]);
    let row = log.rows::<Models>().remove(0).row;
    let versions = row.versions.get().unwrap();
    let told: Vec<_> = versions.iter().map(|version| (version.registered.version.as_str(), version.status, version.activated_at)).collect();
    assert_eq!(told, [("1.0", ModelStatus::Retired, Some(at(4))), ("2.0", ModelStatus::Active, Some(at(4)))]);
    assert_eq!((versions[0].retired_at, versions[0].retirement_reason.as_ref().map(Text::as_str)), (Some(at(5)), Some("worse than before")));
}
