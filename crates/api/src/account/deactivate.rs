use anamnesis_domain::Text;
use anamnesis_domain::account::{Account, AccountCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may, of_access};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeactivateAccountBody {
    /// In words.
    reason: Option<Text>,
}

/// Puts an account out of use; its sessions end, and don't come back.
#[utoipa::path(post, path = "/v1/accounts/{id}/deactivate", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = DeactivateAccountBody, responses(CommandAnswers))]
pub(crate) async fn deactivate_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<DeactivateAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AccountCommand::Deactivate { now, reason: body.value.reason };
    let accepted = app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await?;
    app.access.end_sessions(may.call.actor.organization_id, id).await.map_err(|error| of_access(&error))?;
    Ok(accepted)
}
