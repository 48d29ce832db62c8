use anamnesis_domain::prediction::PredictionOutcomeRecorded;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const PREDICTION: Uuid = Uuid::from_u128(0x11);
const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn logged() -> PredictionEvent {
    let prediction = json!({ "model_id": Uuid::from_u128(7), "model_version": "1.0", "patient_id": PATIENT, "input": { "age": 81 },
        "prediction": { "risk": 0.5 }, "confidence": 0.75, "processing_time_ms": 12 });
    PredictionLogged { prediction: told(prediction), logged_at: Instant::from_micros(1) }.into()
}

fn recorded(was_right: Option<bool>, at: i64) -> PredictionEvent {
    let outcome = told(json!({ "actual": { "fell": true }, "was_right": was_right }));
    PredictionOutcomeRecorded { outcome, account_id: AccountId(Uuid::from_u128(0xac)), recorded_at: Instant::from_micros(at) }.into()
}

fn given(events: impl IntoIterator<Item = PredictionEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("prediction", PREDICTION, PATIENT, event))
}

#[test]
fn a_prediction_stands_as_it_was_logged() {
    let log = given([logged()]);
    assert_eq!(log.says::<Predictions>("input_data").as_deref(), Some("{\"age\":81}"));
    assert_eq!(log.says::<Predictions>("prediction").as_deref(), Some("{\"risk\":0.5}"));
    assert_eq!(log.says::<Predictions>("confidence_score").as_deref(), Some("0.75"));
    assert_eq!(log.says::<Predictions>("processing_time_ms").as_deref(), Some("12"));
    assert_eq!(log.says::<Predictions>("actual_outcome"), None);
}

#[test]
fn what_came_of_it_is_what_was_told_last() {
    let log = given([logged(), recorded(Some(false), 2), recorded(Some(true), 3)]);
    assert_eq!(log.says::<Predictions>("actual_outcome").as_deref(), Some("{\"fell\":true}"));
    let row = log.rows::<Predictions>().remove(0).row;
    assert_eq!((row.was_right, row.outcome_recorded_at), (Some(true), Some(Instant::from_micros(3))));
}

#[test]
fn another_patient_version_or_input_is_another_question() {
    let (patient, version) = (PatientId(PATIENT), |version: &str| told::<ModelVersion>(json!(version)));
    let input = |json: &str| JsonText::try_from(json).unwrap();
    let question = asked(patient, &version("1.0"), &input("{\"age\":81}"));
    assert_ne!(question, asked(PatientId(Uuid::nil()), &version("1.0"), &input("{\"age\":81}")));
    assert_ne!(question, asked(patient, &version("1.1"), &input("{\"age\":81}")));
    assert_ne!(question, asked(patient, &version("1.0"), &input("{\"age\":82}")));
}

#[test]
fn an_erased_prediction_leaves_no_row() {
    assert!(given([logged(), recorded(None, 2)]).erase(PATIENT).rows::<Predictions>().is_empty());
}
