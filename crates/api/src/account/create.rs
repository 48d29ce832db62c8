use anamnesis_domain::account::{Account, NewAccount};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may, of_access};

/// An account and its first password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAccountBody {
    /// Whose it is and what it may act as.
    account: NewAccount,
    /// 12 to 256 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Creates an account that can sign in.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = CreateAccountBody, responses(CommandAnswers))]
pub(crate) async fn create_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    body: Body<CreateAccountBody>,
) -> Result<Accepted, Problem> {
    let CreateAccountBody { account, password } = body.value;
    app.known::<Patient>(&may.call, "account.links.patient_id", account.links.patient_id).await?;
    app.known::<Provider>(&may.call, "account.links.provider_id", account.links.provider_id).await?;
    let committed =
        app.access.create_account(Uuid::now_v7(), account, password, &may.call.caller(&body.bytes)).await.map_err(|error| of_access(&error))?;
    Ok(app.accepted::<Account>(COLLECTION, true, committed).await)
}
