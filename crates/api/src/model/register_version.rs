use anamnesis_domain::model::{Model, ModelCommand, NewVersion};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Registers another version of an AI model, which isn't in use yet.
#[utoipa::path(post, path = "/v1/models/{id}/register-version", tag = "models", params(("id" = uuid::Uuid, Path)),
    request_body = NewVersion, responses(CommandAnswers))]
pub(crate) async fn register_model_version(
    State(app): State<App>,
    may: May<may::WriteModels>,
    PathId(id): PathId,
    body: Body<NewVersion>,
) -> Result<Accepted, Problem> {
    let command = ModelCommand::RegisterVersion { now: may.call.now, version: Box::new(body.value) };
    app.act::<Model>(COLLECTION, id, command, &may.call, &body.bytes).await
}
