use anamnesis_domain::Text;
use anamnesis_domain::account::{Account, AccountCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnlockAccountBody {
    /// In words.
    reason: Option<Text>,
}

/// Lets a locked account be used again.
#[utoipa::path(post, path = "/v1/accounts/{id}/unlock", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = UnlockAccountBody, responses(CommandAnswers))]
pub(crate) async fn unlock_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<UnlockAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AccountCommand::Unlock { now, reason: body.value.reason };
    app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await
}
