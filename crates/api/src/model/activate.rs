use anamnesis_domain::model::{Model, ModelCommand, ModelVersion};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What to use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivateModelBody {
    /// Which version.
    version: ModelVersion,
}

/// Puts a version of an AI model into use, in the place of the one that is.
#[utoipa::path(post, path = "/v1/models/{id}/activate", tag = "models", params(("id" = uuid::Uuid, Path)),
    request_body = ActivateModelBody, responses(CommandAnswers))]
pub(crate) async fn activate_model(
    State(app): State<App>,
    may: May<may::WriteModels>,
    PathId(id): PathId,
    body: Body<ActivateModelBody>,
) -> Result<Accepted, Problem> {
    let command = ModelCommand::Activate { now: may.call.now, version: body.value.version };
    app.act::<Model>(COLLECTION, id, command, &may.call, &body.bytes).await
}
