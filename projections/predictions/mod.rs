//! What did models predict of patients, and what came of it?

use anamnesis_domain::model::ModelVersion;
use anamnesis_domain::prediction::{PredictionEvent, PredictionLogged};
use anamnesis_domain::{AccountId, AnyEvent, Instant, JsonText, ModelId, PatientId, PredictionId, Recorded};

use crate::kernel::{Blind, Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row};

#[cfg(test)]
mod tests;

/// Every prediction.
pub const PREDICTIONS: Projection = Projection {
    name: "predictions",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 1,
    tables: &[&Of::<Predictions>::TABLE],
};

row! {
    /// A prediction.
    pub struct PredictionRow in "prediction_logs" key (prediction_id) {
        prediction_id: PredictionId,
        model_id: ModelId,
        model_version: String,
        patient_id: PatientId,
        input_data: Sealed<JsonText>,
        input_index: Blind,
        prediction: Sealed<JsonText>,
        confidence_score: Option<f64>,
        processing_time_ms: Option<u32>,
        prediction_timestamp: Instant,
        actual_outcome: Option<Sealed<JsonText>>,
        was_right: Option<bool>,
        outcome_recorded_at: Option<Instant>,
        outcome_recorded_by: Option<AccountId>,
    }
}

/// The fold of `prediction_logs`.
pub struct Predictions;

impl Fold for Predictions {
    type Row = PredictionRow;
    const STREAMS: Streams = Streams::Of(&["prediction"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<PredictionRow>, event: &Recorded) {
        let Some(AnyEvent::Prediction(happened)) = event.event.value() else { return };
        match happened {
            PredictionEvent::PredictionLogged(logged) => rows.put(PredictionRow::new(event.aggregate_id.into(), logged)),
            PredictionEvent::PredictionOutcomeRecorded(recorded) => rows.change(event.aggregate_id, |prediction| {
                prediction.actual_outcome = Some(Sealed::new(recorded.outcome.actual.clone()));
                prediction.was_right = recorded.outcome.was_right;
                (prediction.outcome_recorded_at, prediction.outcome_recorded_by) = (Some(recorded.recorded_at), Some(recorded.account_id));
            }),
        }
    }
}

impl PredictionRow {
    fn new(prediction_id: PredictionId, PredictionLogged { prediction, logged_at }: &PredictionLogged) -> Self {
        Self {
            prediction_id,
            model_id: prediction.model_id,
            model_version: prediction.model_version.clone().into(),
            patient_id: prediction.patient_id,
            input_data: Sealed::new(prediction.input.clone()),
            input_index: Blind::of(asked(prediction.patient_id, &prediction.model_version, &prediction.input)),
            prediction: Sealed::new(prediction.prediction.clone()),
            confidence_score: prediction.confidence.map(Into::into),
            processing_time_ms: prediction.processing_time_ms,
            prediction_timestamp: *logged_at,
            actual_outcome: None,
            was_right: None,
            outcome_recorded_at: None,
            outcome_recorded_by: None,
        }
    }
}

/// What a prediction is found again by, of one model: the same question of the same version about the same patient. The input counts byte
/// for byte; whoever asks again writes it in the same way.
pub fn asked(patient: PatientId, version: &ModelVersion, input: &JsonText) -> String {
    format!("{patient}\n{}\n{}", version.as_str(), input.as_str())
}
