use anamnesis_domain::AffiliationId;
use anamnesis_domain::facility::Facility;
use anamnesis_domain::provider::{Affiliation, Provider, ProviderCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AffiliateProviderBody {
    /// Which affiliation; none: a new one.
    affiliation_id: Option<AffiliationId>,
    /// What it is now.
    affiliation: Affiliation,
}

/// Says where a provider works.
#[utoipa::path(post, path = "/v1/providers/{id}/affiliate", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = AffiliateProviderBody, responses(CommandAnswers))]
pub(crate) async fn affiliate_provider(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<AffiliateProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Facility>(&may.call, "affiliation.facility_id", [body.value.affiliation.facility_id]).await?;
    let command = ProviderCommand::Affiliate {
        now,
        affiliation_id: body.value.affiliation_id.unwrap_or_else(|| AffiliationId(Uuid::now_v7())),
        affiliation: body.value.affiliation,
    };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
