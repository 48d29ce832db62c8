use anamnesis_domain::Line;
use anamnesis_domain::organization::{Organization, OrganizationCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// The name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameOrganizationBody {
    /// What people know it by.
    name: Line,
}

/// Gives the caller's organization another name.
#[utoipa::path(post, path = "/v1/organizations/{id}/rename", tag = "organizations", params(("id" = uuid::Uuid, Path)),
    request_body = RenameOrganizationBody, responses(CommandAnswers))]
pub(crate) async fn rename_organization(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<RenameOrganizationBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    if id != may.call.actor.organization_id {
        return Err(Problem::not_found());
    }
    let command = OrganizationCommand::Rename { now, name: body.value.name };
    app.act::<Organization>(COLLECTION, id, command, &may.call, &body.bytes).await
}
