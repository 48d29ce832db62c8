//! What did a model predict of a patient, and what came of it? `Absent → Logged`, then outcomes
//!
//! A stream is one prediction, so that a model's own doesn't grow with its use ([decision 20](../../../../docs/decisions/0020-models.md)).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Model, ModelVersion};
use crate::{
    AccountId, Aggregate, Confidence, Ground, Grounds, Instant, JsonText, ModelId, PatientId, Subject, events::events, redact::redacted,
    refusal::refusals,
};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

events! {
    /// What can have happened to a prediction.
    pub enum PredictionEvent {
        PredictionLogged(PredictionLogged) = 1,
        PredictionOutcomeRecorded(PredictionOutcomeRecorded) = 1,
    }
}

/// A model predicted something of a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionLogged {
    /// What it was asked and what it said.
    pub prediction: NewPrediction,
    /// When that was told.
    pub logged_at: Instant,
}

/// What came of it is known. A later one stands in the place of an earlier one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionOutcomeRecorded {
    /// What came of it.
    pub outcome: Outcome,
    /// Who says so.
    pub account_id: AccountId,
    /// When.
    pub recorded_at: Instant,
}

/// A prediction as it is logged.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPrediction {
    /// Which model.
    pub model_id: ModelId,
    /// Which version of it: the one in use.
    pub model_version: ModelVersion,
    /// Of whom.
    pub patient_id: PatientId,
    /// What the model was given, in its own form; at most 256 KiB.
    pub input: JsonText,
    /// What it said, in its own form; at most 64 KiB.
    pub prediction: JsonText,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub processing_time_ms: Option<u32>,
}

/// What came of a prediction.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// What happened, in the form of the prediction; at most 64 KiB.
    pub actual: JsonText,
    /// Whether the prediction was right, where that can be said.
    #[serde(default)]
    pub was_right: Option<bool>,
}

redacted!(PredictionLogged, PredictionOutcomeRecorded, NewPrediction, Outcome);

/// A prediction's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Prediction {
    /// Not logged yet.
    #[default]
    Absent,
    /// Logged.
    Logged {
        /// Of whom.
        patient_id: PatientId,
        /// What came of it, as far as that is known.
        outcome: Option<Outcome>,
    },
}

redacted!(Prediction);

/// What can be asked of a prediction. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum PredictionCommand {
    /// Keep what a model said.
    Log { now: Instant, prediction: Box<NewPrediction> },
    /// Keep what came of it.
    RecordOutcome { now: Instant, account_id: AccountId, outcome: Outcome },
}

redacted!(PredictionCommand);

refusals! {
    /// Which rule on predictions says no.
    pub enum PredictionError {
        AlreadyLogged = "already_logged", State, "this prediction was already logged";
        NotLogged = "not_logged", State, "this prediction was never logged";
        ModelNotActive = "model_not_active", State, "model_version is not the version of this model that is in use";
        TooLarge = "too_large", Request(input), "input may have at most 256 KiB, prediction and actual at most 64 KiB each";
    }
}

impl Aggregate for Prediction {
    const TYPE: &'static str = "prediction";
    const TOPIC: &'static str = "ai-events";
    type Command = PredictionCommand;
    type Event = PredictionEvent;
    type Error = PredictionError;

    /// Without its ground nothing is known of a model, so no prediction of one is logged.
    fn decide(&self, command: PredictionCommand) -> Decision {
        self.decide_on(command, &Grounds::default())
    }

    fn grounds(&self, command: &PredictionCommand) -> Vec<Ground> {
        match command {
            PredictionCommand::Log { prediction, .. } => vec![Ground::Model(prediction.model_id)],
            PredictionCommand::RecordOutcome { .. } => vec![],
        }
    }

    fn decide_on(&self, command: PredictionCommand, grounds: &Grounds) -> Decision {
        match command {
            PredictionCommand::Log { now, prediction } => self.log(now, *prediction, &grounds.model),
            PredictionCommand::RecordOutcome { now, account_id, outcome } => self.record_outcome(now, account_id, outcome),
        }
    }

    fn evolve(self, event: &PredictionEvent) -> Self {
        match (self, event) {
            (_, PredictionEvent::PredictionLogged(logged)) => Self::Logged { patient_id: logged.prediction.patient_id, outcome: None },
            (Self::Logged { patient_id, .. }, PredictionEvent::PredictionOutcomeRecorded(recorded)) => {
                Self::Logged { patient_id, outcome: Some(recorded.outcome.clone()) }
            }
            (Self::Absent, PredictionEvent::PredictionOutcomeRecorded(_)) => Self::Absent,
        }
    }

    fn subject(&self, id: Uuid, _event: &PredictionEvent) -> Subject {
        match self {
            Self::Logged { patient_id, .. } => Subject::Person(patient_id.0),
            Self::Absent => Subject::Person(id),
        }
    }
}

/// The most bytes of an input.
const MAX_INPUT_BYTES: usize = 256 * 1024;
/// The most bytes of what a model said, and of what came of it.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

type Decision = Result<Vec<PredictionEvent>, PredictionError>;

impl Prediction {
    fn log(&self, now: Instant, prediction: NewPrediction, model: &Model) -> Decision {
        if *self != Self::Absent {
            return Err(PredictionError::AlreadyLogged);
        }
        if prediction.input.as_str().len() > MAX_INPUT_BYTES || prediction.prediction.as_str().len() > MAX_OUTPUT_BYTES {
            return Err(PredictionError::TooLarge);
        }
        if model.active() != Some(&prediction.model_version) {
            return Err(PredictionError::ModelNotActive);
        }
        Ok(vec![PredictionLogged { prediction, logged_at: now }.into()])
    }

    fn record_outcome(&self, now: Instant, account_id: AccountId, outcome: Outcome) -> Decision {
        let Self::Logged { outcome: known, .. } = self else { return Err(PredictionError::NotLogged) };
        if outcome.actual.as_str().len() > MAX_OUTPUT_BYTES {
            return Err(PredictionError::TooLarge);
        }
        if known.as_ref() == Some(&outcome) {
            return Ok(vec![]);
        }
        Ok(vec![PredictionOutcomeRecorded { outcome, account_id, recorded_at: now }.into()])
    }
}
