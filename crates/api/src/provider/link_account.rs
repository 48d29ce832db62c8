use anamnesis_domain::AccountId;
use anamnesis_domain::account::Account;
use anamnesis_domain::provider::{Provider, ProviderCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// An account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkProviderAccountBody {
    /// The account; none: none any more.
    account_id: Option<AccountId>,
}

/// Says with which account a provider signs in.
#[utoipa::path(post, path = "/v1/providers/{id}/link-account", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = LinkProviderAccountBody, responses(CommandAnswers))]
pub(crate) async fn link_provider_account(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<LinkProviderAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Account>(&may.call, "account_id", body.value.account_id).await?;
    let command = ProviderCommand::LinkAccount { now, account_id: body.value.account_id };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
