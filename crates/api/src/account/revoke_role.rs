use anamnesis_domain::account::{Account, AccountCommand, Role};
use anamnesis_domain::{FacilityId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// A role, as it was granted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeRoleBody {
    /// Which.
    role: Role,
    /// Where.
    facility_id: Option<FacilityId>,
    /// Why.
    reason: Option<Text>,
}

/// Takes a role back; it is gone at the account's next request.
#[utoipa::path(post, path = "/v1/accounts/{id}/revoke-role", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = RevokeRoleBody, responses(CommandAnswers))]
pub(crate) async fn revoke_role(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<RevokeRoleBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AccountCommand::RevokeRole { now, role: body.value.role, facility_id: body.value.facility_id, reason: body.value.reason };
    app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await
}
