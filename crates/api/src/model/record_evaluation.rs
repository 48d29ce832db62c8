use anamnesis_domain::model::{Evaluation, Model, ModelCommand, ModelVersion};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What was measured.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordModelEvaluationBody {
    /// Of which version.
    version: ModelVersion,
    /// How good it is.
    evaluation: Evaluation,
}

/// Tells how good a version of an AI model is.
#[utoipa::path(post, path = "/v1/models/{id}/record-evaluation", tag = "models", params(("id" = uuid::Uuid, Path)),
    request_body = RecordModelEvaluationBody, responses(CommandAnswers))]
pub(crate) async fn record_model_evaluation(
    State(app): State<App>,
    may: May<may::WriteModels>,
    PathId(id): PathId,
    body: Body<RecordModelEvaluationBody>,
) -> Result<Accepted, Problem> {
    let RecordModelEvaluationBody { version, evaluation } = body.value;
    let command = ModelCommand::RecordEvaluation { now: may.call.now, version, evaluation };
    app.act::<Model>(COLLECTION, id, command, &may.call, &body.bytes).await
}
