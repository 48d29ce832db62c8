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
pub(crate) struct SuspendProviderBody {
    /// In words.
    reason: Text,
}

/// Lets a provider no longer be booked.
#[utoipa::path(post, path = "/v1/providers/{id}/suspend", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = SuspendProviderBody, responses(CommandAnswers))]
pub(crate) async fn suspend_provider(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<SuspendProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::Suspend { now, reason: body.value.reason };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
