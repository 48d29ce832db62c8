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
pub(crate) struct ReinstateProviderBody {
    /// In words.
    reason: Option<Text>,
}

/// Lets a provider be booked again.
#[utoipa::path(post, path = "/v1/providers/{id}/reinstate", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = ReinstateProviderBody, responses(CommandAnswers))]
pub(crate) async fn reinstate_provider(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<ReinstateProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::Reinstate { now, reason: body.value.reason };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
