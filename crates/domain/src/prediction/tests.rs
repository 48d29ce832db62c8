use serde_json::json;

use super::*;
use crate::model::ModelCommand;
use crate::testing::{Given, given};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn read<T: serde::de::DeserializeOwned>(json: &serde_json::Value) -> T {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn text(bytes: usize) -> JsonText {
    JsonText::try_from(format!("\"{}\"", "x".repeat(bytes - 2))).unwrap()
}

fn prediction() -> NewPrediction {
    read(&json!({ "model_id": Uuid::from_u128(7), "model_version": "1.0", "patient_id": Uuid::from_u128(1), "input": { "age": 81 },
        "prediction": { "risk": 0.80 }, "confidence": 0.8, "processing_time_ms": 12 }))
}

fn outcome(was_right: bool) -> Outcome {
    Outcome { actual: JsonText::try_from("{\"fell\":true}").unwrap(), was_right: Some(was_right) }
}

fn log(prediction: NewPrediction) -> PredictionCommand {
    PredictionCommand::Log { now: now(), prediction: Box::new(prediction) }
}

fn record(outcome: Outcome) -> PredictionCommand {
    PredictionCommand::RecordOutcome { now: now(), account_id: AccountId(Uuid::from_u128(5)), outcome }
}

fn logged() -> PredictionEvent {
    PredictionLogged { prediction: prediction(), logged_at: now() }.into()
}

fn recorded(outcome: Outcome) -> PredictionEvent {
    PredictionOutcomeRecorded { outcome, account_id: AccountId(Uuid::from_u128(5)), recorded_at: now() }.into()
}

/// A model with version 1.0, after those commands.
pub(super) fn a_model(commands: Vec<ModelCommand>) -> Grounds {
    let register = json!({ "name": "Falls", "model_type": "CLASSIFICATION", "version": { "version": "1.0" } });
    let register = ModelCommand::Register { now: now(), model: Box::new(read(&register)) };
    let model = std::iter::once(register)
        .chain(commands)
        .fold(Model::default(), |model, command| model.decide(command).unwrap().iter().fold(model, Model::evolve));
    Grounds { model, ..Grounds::default() }
}

pub(super) fn activate() -> ModelCommand {
    ModelCommand::Activate { now: now(), version: prediction().model_version }
}

fn nothing_yet() -> Given<Prediction> {
    given([]).on(a_model(vec![activate()]))
}

#[test]
fn a_prediction_of_the_version_in_use_is_logged_once() {
    nothing_yet().when(log(prediction())).then([logged()]);
    given::<Prediction>([logged()]).on(a_model(vec![activate()])).when(log(prediction())).then_error(PredictionError::AlreadyLogged);
}

#[test]
fn a_version_that_is_not_in_use_predicts_nothing() {
    let retire = ModelCommand::Retire { now: now(), version: prediction().model_version, reason: None };
    let other = NewPrediction { model_version: "2.0".to_owned().try_into().unwrap(), ..prediction() };
    for model in [Grounds::default(), a_model(vec![]), a_model(vec![activate(), retire])] {
        given::<Prediction>([]).on(model).when(log(prediction())).then_error(PredictionError::ModelNotActive);
    }
    nothing_yet().when(log(other)).then_error(PredictionError::ModelNotActive);
}

#[test]
fn a_prediction_rests_on_its_model_and_an_outcome_on_nothing_else() {
    let absent = Prediction::Absent;
    assert_eq!(absent.grounds(&log(prediction())), [Ground::Model(prediction().model_id)]);
    assert_eq!(absent.grounds(&record(outcome(true))), []);
    given::<Prediction>([logged()]).when(record(outcome(true))).then([recorded(outcome(true))]);
}

#[test]
fn an_outcome_is_told_later_and_can_be_corrected() {
    given::<Prediction>([logged(), recorded(outcome(true))]).when(record(outcome(true))).then([]);
    given::<Prediction>([logged(), recorded(outcome(true))]).when(record(outcome(false))).then([recorded(outcome(false))]);
    given::<Prediction>([]).when(record(outcome(true))).then_error(PredictionError::NotLogged);
}

#[test]
fn what_a_model_is_asked_and_says_is_bounded() {
    let most = NewPrediction { input: text(256 * 1024), prediction: text(64 * 1024), ..prediction() };
    assert_eq!(nothing_yet().when(log(most)).events().len(), 1);
    nothing_yet().when(log(NewPrediction { input: text(256 * 1024 + 1), ..prediction() })).then_error(PredictionError::TooLarge);
    nothing_yet().when(log(NewPrediction { prediction: text(64 * 1024 + 1), ..prediction() })).then_error(PredictionError::TooLarge);
    let outcome = |bytes| Outcome { actual: text(bytes), was_right: None };
    assert_eq!(given::<Prediction>([logged()]).when(record(outcome(64 * 1024))).events().len(), 1);
    given::<Prediction>([logged()]).when(record(outcome(64 * 1024 + 1))).then_error(PredictionError::TooLarge);
}

#[test]
fn every_event_of_a_prediction_is_sealed_under_the_patients_key() {
    let state = Prediction::default().evolve(&logged()).evolve(&recorded(outcome(true)));
    assert_eq!(state.subject(Uuid::nil(), &recorded(outcome(true))), Subject::Person(Uuid::from_u128(1)));
}
