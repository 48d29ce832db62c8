use anamnesis_domain::account::{Account, AccountCommand, RoleGrant};
use axum::extract::State;

use super::{COLLECTION, of_another};
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Lets an account act in a role. Nobody does so for their own.
#[utoipa::path(post, path = "/v1/accounts/{id}/grant-role", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = RoleGrant, responses(CommandAnswers))]
pub(crate) async fn grant_role(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<RoleGrant>,
) -> Result<Accepted, Problem> {
    of_another(&app, &may, id).await?;
    let now = may.call.now;
    let command = AccountCommand::GrantRole { now, grant: body.value };
    app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await
}
