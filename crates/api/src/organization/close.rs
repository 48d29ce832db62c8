use anamnesis_domain::Text;
use anamnesis_domain::organization::{Organization, OrganizationCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseOrganizationBody {
    /// In words.
    reason: Text,
}

/// Closes the caller's organization, for good: no times are arranged in it any more, no providers registered and no facilities opened.
/// What it keeps stays.
#[utoipa::path(post, path = "/v1/organizations/{id}/close", tag = "organizations", params(("id" = uuid::Uuid, Path)),
    request_body = CloseOrganizationBody, responses(CommandAnswers))]
pub(crate) async fn close_organization(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<CloseOrganizationBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    if id != may.call.actor.organization_id {
        return Err(Problem::not_found());
    }
    let command = OrganizationCommand::Close { now, reason: Some(body.value.reason) };
    app.act::<Organization>(COLLECTION, id, command, &may.call, &body.bytes).await
}
