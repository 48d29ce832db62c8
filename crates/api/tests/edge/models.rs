use std::collections::BTreeSet;

use anamnesis_domain::account::Role;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, prediction};
use crate::world::{Client, World, patient, query};

fn sepsis() -> Value {
    json!({ "name": "Sepsis watch", "model_type": "TIME_SERIES", "version": version("2.0") })
}

fn version(version: &str) -> Value {
    json!({ "version": version, "description": "Warns six hours ahead.", "provider": "St. Mary's", "training_data_size": 128_450,
        "artifact": { "file_path": format!("ai-models/trained-models/sepsis-{version}.onnx"), "sha256": "ab".repeat(32) },
        "training_completed_at": "2026-01-28T22:05:00Z", "metadata": { "threshold": 0.35 } })
}

fn of(version: &str) -> Value {
    json!({ "version": version })
}

#[tokio::test]
async fn a_model_is_registered_measured_put_into_use_replaced_and_retired() {
    let world = World::new().await;
    let analyst = world.sign_in(Role::Analyst).await;
    let registered = analyst.must("/v1/models", &sepsis()).await;
    assert_eq!(registered.body["events"], json!(["ModelRegistered", "ModelVersionRegistered"]));
    let path = format!("/v1/models/{}", registered.id());
    let does = async |command: &str, body: Value| analyst.must(&format!("{path}/{command}"), &body).await;

    does("register-version", version("2.1")).await;
    let evaluation = json!({ "accuracy_score": 0.9125, "metrics": [{ "name": "auroc", "value": 0.941 }], "dataset": "2025", "dataset_size": 31_200 });
    does("record-evaluation", json!({ "version": "2.1", "evaluation": evaluation })).await;
    let first = does("activate", of("2.0")).await;
    assert_eq!(does("activate", of("2.0")).await.body["events"], json!([]), "it is in use already");
    let second = does("activate", of("2.1")).await;

    let shown = analyst.get_after(&path, &second).await;
    let said = |field: &str| shown.body[field].clone();
    assert_eq!(["name", "model_type", "version", "status"].map(said), ["Sepsis watch", "TIME_SERIES", "2.1", "ACTIVE"].map(Value::from));
    assert_eq!([said("is_active"), said("accuracy_score"), said("training_data_size")], [json!(true), json!(0.9125), json!(128_450)]);
    assert_eq!((said("file_path"), said("metadata")), (json!("ai-models/trained-models/sepsis-2.1.onnx"), json!({ "threshold": 0.35 })));
    let versions: Vec<_> = shown.body["versions"].as_array().unwrap().iter().map(|one| (&one["registered"]["version"], &one["status"])).collect();
    assert_eq!(versions, [(&json!("2.0"), &json!("REGISTERED")), (&json!("2.1"), &json!("ACTIVE"))]);

    let then = analyst.get(&format!("{path}?as_of={}", first.position())).await;
    assert_eq!((&then.body["version"], then.header("etag")), (&json!("2.0"), "\"5\""));
    assert_eq!(analyst.get(&format!("{path}?as_of={}", second.position())).await.bytes, shown.bytes);
    analyst.get(&format!("{path}?as_of={}", registered.position() - 2)).await.is_problem(404, None);

    let retired = does("retire", json!({ "version": "2.1", "reason": "missed patients on dialysis" })).await;
    let shown = analyst.get_after(&path, &retired).await;
    assert_eq!((&shown.body["version"], &shown.body["is_active"]), (&json!("2.0"), &json!(false)), "nothing else is put into use by that");
    let refused = analyst.post(&format!("{path}/activate"), &of("2.1")).await;
    assert_eq!((refused.status.as_u16(), &refused.body["rule"]), (409, &json!("version_retired")));
}

#[tokio::test]
async fn models_are_found_by_name_kind_and_status_and_are_their_organizations_own() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let registered = admin.must("/v1/models", &sepsis()).await;
    let taken = json!({ "name": "sepsis WATCH", "model_type": "OTHER", "version": of("1") });
    assert_eq!(admin.post("/v1/models", &taken).await.body["type"].as_str().map(|kind| kind.ends_with("taken")), Some(true));
    admin.get_after("/v1/models", &registered).await;
    let (falls, sepsis) = (json!(story.model), json!(registered.id()));
    for (parameters, found) in [
        (&[][..], vec![&falls, &sepsis]),
        (&[("name", "Sepsis watch")], vec![&sepsis]),
        (&[("name", "Sepsis")], vec![]),
        (&[("type", "CLASSIFICATION")], vec![&falls]),
        (&[("status", "ACTIVE")], vec![&falls]),
        (&[("status", "REGISTERED"), ("type", "TIME_SERIES")], vec![&sepsis]),
        (&[("status", "RETIRED")], vec![]),
    ] {
        let listed = admin.get(&format!("/v1/models{}", query(parameters))).await;
        assert_eq!(listed.items("model_id").iter().collect::<Vec<_>>(), found, "{parameters:?}");
    }
    let house = world.found("Second House").await;
    let stranger = world.sign_in_to(house, Role::Admin, None).await;
    stranger.must("/v1/models", &self::sepsis()).await;
    for path in [format!("/v1/models/{}", registered.id()), format!("/v1/models/{}?as_of={}", registered.id(), registered.position())] {
        stranger.get(&path).await.is_problem(404, None);
    }
    stranger.post(&format!("/v1/models/{}/activate", registered.id()), &of("2.0")).await.is_problem(404, None);
}

#[tokio::test]
async fn what_is_wrong_with_a_model_is_named() {
    let world = World::new().await;
    let admin = world.sign_in(Role::Admin).await;
    let changed = |change: Value| {
        let mut model = sepsis();
        let Value::Object(change) = change else { unreachable!() };
        change.into_iter().for_each(|(field, value)| model["version"][field] = value);
        model
    };
    for (wrong, field) in [
        (json!({ "name": "n".repeat(101), "model_type": "OTHER", "version": of("1") }), "name"),
        (json!({ "name": "Sepsis", "model_type": "MAGIC", "version": of("1") }), "model_type"),
        (changed(json!({ "version": "a version of more than 20 characters" })), "version.version"),
        (changed(json!({ "artifact": { "file_path": "a", "sha256": "ff" } })), "version.artifact.sha256"),
        (changed(json!({ "training_data_size": -1 })), "version.training_data_size"),
    ] {
        admin.post("/v1/models", &wrong).await.is_problem(422, Some(field));
    }
    for (wrong, rule) in [
        (changed(json!({ "metadata": "m".repeat(16 * 1024) })), "too_large"),
        (changed(json!({ "training_completed_at": "2999-01-01T00:00:00Z" })), "trained_later"),
    ] {
        assert_eq!(admin.post("/v1/models", &wrong).await.body["rule"], rule);
    }
    assert_eq!(world.count("journal.events where aggregate_type = 'model'").await, 0);
}

#[tokio::test]
async fn only_the_version_in_use_predicts() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (doctor, admin) = (&story.doctor, world.sign_in(Role::Admin).await);
    let model = format!("/v1/models/{}", story.model);
    let log = async |version: &str| doctor.post("/v1/predictions", &prediction(story.model, story.patient, version, 81)).await;
    admin.must(&format!("{model}/register-version"), &of("1.1")).await;
    let refused = log("1.1").await;
    assert_eq!((refused.status.as_u16(), &refused.body["rule"]), (409, &json!("model_not_active")));
    assert_eq!(log("1.0").await.status, 201);
    admin.must(&format!("{model}/activate"), &of("1.1")).await;
    assert_eq!((log("1.1").await.status.as_u16(), log("1.0").await.status.as_u16()), (201, 409));
    admin.must(&format!("{model}/retire"), &of("1.1")).await;
    assert_eq!(log("1.1").await.status, 409);

    for (change, field) in [
        (json!({ "patient_id": Uuid::now_v7() }), "patient_id"),
        (json!({ "model_id": Uuid::now_v7() }), "model_id"),
        (json!({ "confidence": 1.01 }), "confidence"),
        (json!({ "processing_time_ms": -1 }), "processing_time_ms"),
    ] {
        let mut wrong = prediction(story.model, story.patient, "1.0", 81);
        let Value::Object(change) = change else { unreachable!() };
        change.into_iter().for_each(|(field, value)| wrong[field] = value);
        doctor.post("/v1/predictions", &wrong).await.is_problem(422, Some(field));
    }
    assert_eq!(world.count("journal.events where aggregate_type = 'prediction'").await, 2);
}

#[tokio::test]
async fn what_came_of_a_prediction_is_told_later_and_it_is_found_by_patient_model_and_time() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let other = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let first = doctor.must("/v1/predictions", &prediction(story.model, story.patient, "1.0", 81)).await;
    let second = doctor.must("/v1/predictions", &prediction(story.model, other, "1.0", 34)).await;
    let path = format!("/v1/predictions/{}", first.id());
    let then = doctor.get_after(&path, &second).await;
    assert_eq!((&then.body["input_data"], &then.body["prediction"]), (&json!({ "age": 81 }), &json!({ "risk": 0.42 })));
    assert_eq!((&then.body["confidence_score"], &then.body["processing_time_ms"]), (&json!(0.87), &json!(14)));
    assert!(then.body["actual_outcome"].is_null() && then.body.get("input_index").is_none());

    let outcome = json!({ "actual": { "fell": true }, "was_right": true });
    let told = doctor.must(&format!("{path}/record-outcome"), &outcome).await;
    assert_eq!(doctor.must(&format!("{path}/record-outcome"), &outcome).await.body["events"], json!([]));
    let shown = doctor.get_after(&path, &told).await;
    assert_eq!((&shown.body["actual_outcome"], &shown.body["was_right"]), (&json!({ "fell": true }), &json!(true)));
    assert_eq!(shown.body["outcome_recorded_by"], json!(doctor.account_id));
    assert_eq!(doctor.get(&format!("{path}?as_of={}", then.position())).await.bytes, then.bytes);

    let (first, second, patient, model) = (json!(first.id()), json!(second.id()), other.to_string(), story.model.to_string());
    for (parameters, found) in [
        (&[][..], vec![&first, &second]),
        (&[("patient", patient.as_str())], vec![&second]),
        (&[("model", &model), ("version", "1.0")], vec![&first, &second]),
        (&[("model", &patient)], vec![]),
        (&[("version", "1.1")], vec![]),
        (&[("was_right", "true")], vec![&first]),
        (&[("from", "2026-01-01T00:00:00Z")], vec![&first, &second]),
        (&[("to", "2026-01-01T00:00:00Z")], vec![]),
    ] {
        let listed = doctor.get(&format!("/v1/predictions{}", query(parameters))).await;
        assert_eq!(listed.items("prediction_id").iter().collect::<Vec<_>>(), found, "{parameters:?}");
    }
    let lisa = world.sign_in_as_patient(other).await;
    assert_eq!(lisa.get("/v1/predictions").await.items("prediction_id"), [second]);
    lisa.get(&path).await.is_problem(404, None);
    for role in [Role::Admin, Role::Analyst, Role::Staff] {
        world.sign_in(role).await.get("/v1/predictions").await.is_problem(403, None);
    }
}

/// In the log every prediction comes while its version is in use, however it was raced.
#[tokio::test]
async fn no_prediction_slips_in_after_its_version_was_replaced() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let model = format!("/v1/models/{}", story.model);
    admin.must(&format!("{model}/register-version"), &of("1.1")).await;
    let switch = async {
        for version in ["1.1", "1.0"].repeat(6) {
            admin.must(&format!("{model}/activate"), &of(version)).await;
        }
    };
    let log = async |client: Client, version: &'static str| {
        let mut logged = Vec::new();
        for age in 0..15 {
            let answer = client.post("/v1/predictions", &prediction(story.model, story.patient, version, age)).await;
            assert!([201, 409].contains(&answer.status.as_u16()), "{}", answer.body);
            logged.extend((answer.status == 201).then(|| (answer.position(), version)));
        }
        logged
    };
    let logs = join_all(["1.0", "1.1"].repeat(3).into_iter().map(|version| log(story.doctor.clone(), version)));
    let ((), logged) = futures::join!(switch, logs);
    let logged: BTreeSet<_> = logged.into_iter().flatten().collect();
    assert!(!logged.is_empty());
    for (position, version) in logged {
        let then = admin.get(&format!("{model}?as_of={position}")).await;
        assert_eq!((&then.body["version"], &then.body["is_active"]), (&json!(version), &json!(true)), "at {position}");
    }
}

/// Of two who put different versions into use at the same time one comes last, and that is the one in use.
#[tokio::test]
async fn two_versions_are_never_in_use_together() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let model = format!("/v1/models/{}", story.model);
    for n in 1..6 {
        admin.must(&format!("{model}/register-version"), &of(&format!("1.{n}"))).await;
    }
    let activate = async |n: usize| admin.post(&format!("{model}/activate"), &of(&format!("1.{n}"))).await;
    let answers = join_all((0..6).map(activate)).await;
    let last = answers.into_iter().filter(|answer| answer.status == 200).max_by_key(|answer| answer.body["sequence"].as_u64()).unwrap();
    let shown = admin.get_after(&model, &last).await;
    let in_use = shown.body["versions"].as_array().unwrap().iter().filter(|version| version["status"] == "ACTIVE").count();
    assert_eq!((in_use, &shown.body["is_active"]), (1, &json!(true)), "{}", shown.body);
}
