use anamnesis_domain::provider::{Provider, ProviderCommand, ProviderProfile};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Replaces what is known of a provider.
#[utoipa::path(post, path = "/v1/providers/{id}/correct-profile", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = ProviderProfile, responses(CommandAnswers))]
pub(crate) async fn correct_provider_profile(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<ProviderProfile>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::CorrectProfile { now, profile: body.value };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
