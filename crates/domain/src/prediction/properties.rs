//! What holds of a prediction whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::tests::{a_model, activate};
use super::*;
use crate::testing::live_on;
use crate::testing::strategies::{id, json, now};

fn new_prediction() -> impl Strategy<Value = NewPrediction> {
    let version = prop::sample::select(vec!["1.0", "2.0"]).prop_map(|version| ModelVersion::try_from(version.to_owned()).expect("a version"));
    let confidence = (0..=100_u8).prop_map(|percent| Confidence::try_from(f64::from(percent) / 100.0).expect("a share"));
    (id(), version, id(), json(), json(), option::of(confidence), option::of(any::<u32>())).prop_map(
        |(model_id, model_version, patient_id, input, prediction, confidence, processing_time_ms)| NewPrediction {
            model_id,
            model_version,
            patient_id,
            input,
            prediction,
            confidence,
            processing_time_ms,
        },
    )
}

fn command() -> impl Strategy<Value = PredictionCommand> {
    use PredictionCommand::*;
    let outcome = (json(), option::of(any::<bool>())).prop_map(|(actual, was_right)| Outcome { actual, was_right });
    prop_oneof![
        1 => (now(), new_prediction()).prop_map(|(now, prediction)| Log { now, prediction: Box::new(prediction) }),
        2 => (now(), id(), outcome).prop_map(|(now, account_id, outcome)| RecordOutcome { now, account_id, outcome }),
    ]
}

proptest! {
    #[test]
    fn a_prediction_is_logged_once_by_the_version_in_use(commands in vec(command(), 0..25)) {
        let life = live_on::<Prediction>(Uuid::from_u128(42), &a_model(vec![activate()]), commands);
        for (before, event) in &life.events {
            if let PredictionEvent::PredictionLogged(logged) = event {
                prop_assert!(*before == Prediction::Absent && logged.prediction.model_version.as_str() == "1.0");
            }
            prop_assert!(before.reservations(Uuid::nil(), event).is_empty());
        }
    }

    #[test]
    fn no_version_in_use_and_nothing_is_logged(commands in vec(command(), 0..25)) {
        prop_assert!(live_on::<Prediction>(Uuid::from_u128(42), &a_model(vec![]), commands).events.is_empty());
    }
}
