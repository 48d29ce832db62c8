use serde_json::{Value, json};

use super::*;
use crate::JsonText;
use crate::testing::{Given, claims_held, given};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn read<T: serde::de::DeserializeOwned>(json: &Value) -> T {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn number(version: &str) -> ModelVersion {
    version.to_owned().try_into().unwrap()
}

fn version(version: &str) -> NewVersion {
    read(&json!({ "version": version, "description": "Risk of a fall within a month.", "provider": "St. Mary's",
        "artifact": { "file_path": "ai-models/trained-models/falls.onnx" }, "training_data_size": 12_000,
        "training_completed_at": "2026-01-30T00:00:00Z", "metadata": { "features": ["age"] } }))
}

fn falls() -> NewModel {
    NewModel { name: "Falls".to_owned().try_into().unwrap(), model_type: ModelType::Classification, version: version("1.0") }
}

fn evaluation() -> Evaluation {
    read(&json!({ "accuracy_score": 0.9125, "metrics": [{ "name": "auroc", "value": 0.94 }], "dataset": "held out", "dataset_size": 3000 }))
}

fn register(model: NewModel) -> ModelCommand {
    ModelCommand::Register { now: now(), model: Box::new(model) }
}

fn register_version(version: NewVersion) -> ModelCommand {
    ModelCommand::RegisterVersion { now: now(), version: Box::new(version) }
}

fn evaluate(version: &str, evaluation: Evaluation) -> ModelCommand {
    ModelCommand::RecordEvaluation { now: now(), version: number(version), evaluation }
}

fn activate(version: &str) -> ModelCommand {
    ModelCommand::Activate { now: now(), version: number(version) }
}

fn retire(version: &str) -> ModelCommand {
    ModelCommand::Retire { now: now(), version: number(version), reason: None }
}

fn registered() -> ModelEvent {
    ModelRegistered { name: falls().name, model_type: ModelType::Classification, registered_at: now() }.into()
}

fn version_registered(number: &str) -> ModelEvent {
    ModelVersionRegistered { version: version(number), registered_at: now() }.into()
}

fn evaluated(version: &str) -> ModelEvent {
    ModelVersionEvaluated { version: number(version), evaluation: evaluation(), evaluated_at: now() }.into()
}

fn activated(version: &str, replaces: Option<&str>) -> ModelEvent {
    ModelVersionActivated { version: number(version), replaces: replaces.map(number), activated_at: now() }.into()
}

fn retired(version: &str) -> ModelEvent {
    ModelVersionRetired { version: number(version), reason: None, retired_at: now() }.into()
}

/// A model with the versions 1.0 and 2.0, and what happened then.
fn given_two(then: impl IntoIterator<Item = ModelEvent>) -> Given<Model> {
    given([registered(), version_registered("1.0"), version_registered("2.0")].into_iter().chain(then))
}

#[test]
fn a_model_is_registered_once_with_its_first_version() {
    given::<Model>([]).when(register(falls())).then([registered(), version_registered("1.0")]);
    given_two([]).when(register(falls())).then_error(ModelError::AlreadyRegistered);
}

#[test]
fn a_models_name_is_its_own_whatever_the_case() {
    let claim = Reservation::Claim { kind: "model-name", value: "falls".to_owned() };
    assert!(Model::Absent.reservations(Uuid::nil(), &registered()) == [claim]);
    let story = [registered(), version_registered("1.0"), retired("1.0")];
    assert_eq!(claims_held::<Model>(Uuid::nil(), &story).len(), 1, "a retired model keeps its name: what it predicted is told under it");
}

#[test]
fn a_version_is_registered_once_and_not_changed() {
    given_two([]).when(register_version(version("3.0"))).then([version_registered("3.0")]);
    given_two([]).when(register_version(version("2.0"))).then_error(ModelError::VersionExists);
    given_two([retired("2.0")]).when(register_version(version("2.0"))).then_error(ModelError::VersionExists);
    given::<Model>([]).when(register_version(version("1.0"))).then_error(ModelError::NotRegistered);
}

#[test]
fn a_model_has_at_most_200_versions() {
    let versions = |count: usize| std::iter::once(registered()).chain((0..count).map(|n| version_registered(&n.to_string())));
    given::<Model>(versions(199)).when(register_version(version("last"))).then([version_registered("last")]);
    given::<Model>(versions(200)).when(register_version(version("last"))).then_error(ModelError::TooManyVersions);
}

#[test]
fn what_is_told_of_a_version_is_bounded_and_its_training_is_over() {
    let metadata = |bytes: usize| Some(JsonText::try_from(format!("\"{}\"", "m".repeat(bytes - 2))).unwrap());
    let description = |characters: usize| Some(Text::try_from("d".repeat(characters)).unwrap());
    let most = NewVersion { metadata: metadata(16 * 1024), description: description(4_000), training_completed_at: Some(now()), ..version("3.0") };
    assert_eq!(given_two([]).when(register_version(most)).events().len(), 1);
    for (wrong, refusal) in [
        (NewVersion { metadata: metadata(16 * 1024 + 1), ..version("3.0") }, ModelError::TooLarge),
        (NewVersion { description: description(4_001), ..version("3.0") }, ModelError::TooLarge),
        (NewVersion { training_completed_at: Some(now().plus_minutes(1)), ..version("3.0") }, ModelError::TrainedLater),
    ] {
        given::<Model>([]).when(register(NewModel { version: wrong.clone(), ..falls() })).then_error(refusal);
        given_two([]).when(register_version(wrong)).then_error(refusal);
    }
}

#[test]
fn one_version_at_most_is_in_use_and_the_one_before_can_come_back() {
    given_two([]).when(activate("1.0")).then([activated("1.0", None)]);
    given_two([activated("1.0", None)]).when(activate("1.0")).then([]);
    given_two([activated("1.0", None)]).when(activate("2.0")).then([activated("2.0", Some("1.0"))]);
    given_two([activated("1.0", None), activated("2.0", Some("1.0"))]).when(activate("1.0")).then([activated("1.0", Some("2.0"))]);
    given_two([]).when(activate("9.9")).then_error(ModelError::NoSuchVersion);
    given::<Model>([]).when(activate("1.0")).then_error(ModelError::NotRegistered);
}

#[test]
fn a_retired_version_is_not_in_use_and_never_again() {
    given_two([activated("1.0", None)]).when(retire("1.0")).then([retired("1.0")]);
    given_two([]).when(retire("1.0")).then([retired("1.0")]);
    given_two([retired("1.0")]).when(retire("1.0")).then([]);
    given_two([retired("1.0")]).when(activate("1.0")).then_error(ModelError::VersionRetired);
    given_two([activated("1.0", None), retired("1.0")]).when(activate("2.0")).then([activated("2.0", None)]);
    given_two([]).when(retire("9.9")).then_error(ModelError::NoSuchVersion);
}

#[test]
fn a_version_is_measured_whenever_there_is_something_new() {
    given_two([]).when(evaluate("1.0", evaluation())).then([evaluated("1.0")]);
    given_two([evaluated("1.0")]).when(evaluate("1.0", evaluation())).then([]);
    given_two([evaluated("1.0")]).when(evaluate("2.0", evaluation())).then([evaluated("2.0")]);
    given_two([retired("1.0")]).when(evaluate("1.0", evaluation())).then([evaluated("1.0")]);
    given_two([]).when(evaluate("9.9", evaluation())).then_error(ModelError::NoSuchVersion);
}

#[test]
fn an_evaluation_says_something_and_everything_once() {
    let metric = |name: &str, value: f64| Metric { name: name.try_into().unwrap(), value };
    let metrics = |metrics: Vec<Metric>| Evaluation { metrics, ..evaluation() };
    let many = |count: usize| metrics((0..count).map(|n| metric(&n.to_string(), 1.0)).collect());
    assert_eq!(given_two([]).when(evaluate("1.0", many(50))).events().len(), 1);
    for (wrong, refusal) in [
        (Evaluation { accuracy_score: None, ..metrics(vec![]) }, ModelError::NothingMeasured),
        (metrics(vec![metric("f1", 0.5), metric("f1", 0.6)]), ModelError::MeasuredTwice),
        (many(51), ModelError::MeasuredTwice),
        (metrics(vec![metric("rmse", f64::NAN)]), ModelError::NotANumber),
    ] {
        given_two([]).when(evaluate("1.0", wrong)).then_error(refusal);
    }
}

#[test]
fn names_and_versions_say_what_they_must_be() {
    for wrong in ["", " ", "a\nb", &"n".repeat(101)] {
        assert!(ModelName::try_from(wrong.to_owned()).is_err(), "{wrong}");
    }
    assert_eq!(ModelName::try_from(" Störung der Atmung".to_owned()).unwrap().normalised(), "störung der atmung");
    for wrong in ["", "1 0", "1.0\u{e9}", &"1".repeat(21)] {
        let refused = ModelVersion::try_from(wrong.to_owned()).unwrap_err();
        assert!(refused.to_string().starts_with("must "), "the edge shows only messages that begin so");
    }
    assert_eq!(number("2.3.1-rc_4+x").as_str(), "2.3.1-rc_4+x");
}

#[test]
fn a_models_events_are_sealed_under_the_organizations_key_for_models() {
    assert_eq!(Model::default().evolve(&registered()).subject(Uuid::nil(), &registered()), Subject::Models);
}
