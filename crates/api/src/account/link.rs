use anamnesis_domain::account::{Account, AccountCommand, AccountLinks};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use axum::extract::State;

use super::{COLLECTION, of_another};
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Says which records are the account's owner's. Nobody does so for their own account.
#[utoipa::path(post, path = "/v1/accounts/{id}/link", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = AccountLinks, responses(CommandAnswers))]
pub(crate) async fn link_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<AccountLinks>,
) -> Result<Accepted, Problem> {
    of_another(&app, &may, id).await?;
    let now = may.call.now;
    app.known::<Patient>(&may.call, "patient_id", body.value.patient_id).await?;
    app.known::<Provider>(&may.call, "provider_id", body.value.provider_id).await?;
    let command = AccountCommand::Link { now, links: body.value };
    app.act::<Account>(COLLECTION, id, command, &may.call, &body.bytes).await
}
