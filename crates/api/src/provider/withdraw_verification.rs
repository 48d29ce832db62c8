use anamnesis_domain::Text;
use anamnesis_domain::provider::{Provider, ProviderCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawVerificationBody {
    /// In words.
    reason: Text,
}

/// Takes the verification back.
#[utoipa::path(post, path = "/v1/providers/{id}/withdraw-verification", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = WithdrawVerificationBody, responses(CommandAnswers))]
pub(crate) async fn withdraw_provider_verification(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<WithdrawVerificationBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::WithdrawVerification { now, reason: body.value.reason };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
