use anamnesis_domain::provider::{Provider, ProviderCommand, ProviderProfile};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Registers a provider.
#[utoipa::path(post, path = "/v1/providers", tag = "providers",
    request_body = ProviderProfile, responses(CommandAnswers))]
pub(crate) async fn register_provider(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    body: Body<ProviderProfile>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::Register { now, profile: body.value };
    app.create::<Provider>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
