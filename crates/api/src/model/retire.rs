use anamnesis_domain::Text;
use anamnesis_domain::model::{Model, ModelCommand, ModelVersion};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What not to use any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetireModelBody {
    /// Which version.
    version: ModelVersion,
    /// Why.
    reason: Option<Text>,
}

/// Takes a version of an AI model out of use for good.
#[utoipa::path(post, path = "/v1/models/{id}/retire", tag = "models", params(("id" = uuid::Uuid, Path)),
    request_body = RetireModelBody, responses(CommandAnswers))]
pub(crate) async fn retire_model(
    State(app): State<App>,
    may: May<may::WriteModels>,
    PathId(id): PathId,
    body: Body<RetireModelBody>,
) -> Result<Accepted, Problem> {
    let RetireModelBody { version, reason } = body.value;
    let command = ModelCommand::Retire { now: may.call.now, version, reason };
    app.act::<Model>(COLLECTION, id, command, &may.call, &body.bytes).await
}
