use anamnesis_domain::account::{Account, AccountCommand};
use anamnesis_domain::{Instant, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may, of_access};

/// How long and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockAccountBody {
    /// Until when; none: until unlocked.
    until: Option<Instant>,
    /// Why.
    reason: Option<Text>,
}

/// Lets an account not be used for a while; its sessions end, and don't come back.
#[utoipa::path(post, path = "/v1/accounts/{id}/lock", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = LockAccountBody, responses(CommandAnswers))]
pub(crate) async fn lock_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<LockAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AccountCommand::Lock { now, until: body.value.until, reason: body.value.reason };
    let accepted = app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await?;
    app.access.end_sessions(may.call.actor.organization_id, id).await.map_err(|error| of_access(&error))?;
    Ok(accepted)
}
