use anamnesis_domain::provider::{Provider, ProviderCommand};
use anamnesis_domain::{AffiliationId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Which.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndAffiliationBody {
    /// The affiliation.
    affiliation_id: AffiliationId,
    /// Why.
    reason: Option<Text>,
}

/// Says where a provider works no longer.
#[utoipa::path(post, path = "/v1/providers/{id}/end-affiliation", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = EndAffiliationBody, responses(CommandAnswers))]
pub(crate) async fn end_provider_affiliation(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<EndAffiliationBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::EndAffiliation { now, affiliation_id: body.value.affiliation_id, reason: body.value.reason };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
