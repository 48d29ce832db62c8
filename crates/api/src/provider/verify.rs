use anamnesis_domain::Text;
use anamnesis_domain::provider::{Provider, ProviderCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What was found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyProviderBody {
    /// In words.
    note: Option<Text>,
}

/// Says that a provider's licence was checked.
#[utoipa::path(post, path = "/v1/providers/{id}/verify", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = VerifyProviderBody, responses(CommandAnswers))]
pub(crate) async fn verify_provider(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<VerifyProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::Verify { now, note: body.value.note };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
