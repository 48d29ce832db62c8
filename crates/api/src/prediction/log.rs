use anamnesis_domain::model::Model;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::prediction::{NewPrediction, Prediction, PredictionCommand};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Logs what the version of a model that is in use predicted of a patient.
#[utoipa::path(post, path = "/v1/predictions", tag = "predictions", request_body = NewPrediction, responses(CommandAnswers))]
pub(crate) async fn log_prediction(State(app): State<App>, may: May<may::WriteInsights>, body: Body<NewPrediction>) -> Result<Accepted, Problem> {
    app.known::<Patient>(&may.call, "patient_id", [body.value.patient_id]).await?;
    app.known::<Model>(&may.call, "model_id", [body.value.model_id]).await?;
    let command = PredictionCommand::Log { now: may.call.now, prediction: Box::new(body.value) };
    app.create::<Prediction>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
