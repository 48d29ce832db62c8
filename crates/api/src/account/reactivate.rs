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
pub(crate) struct ReactivateAccountBody {
    /// In words.
    reason: Option<Text>,
}

/// Puts an account back into use.
#[utoipa::path(post, path = "/v1/accounts/{id}/reactivate", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = ReactivateAccountBody, responses(CommandAnswers))]
pub(crate) async fn reactivate_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<ReactivateAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AccountCommand::Reactivate { now, reason: body.value.reason };
    app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await
}
