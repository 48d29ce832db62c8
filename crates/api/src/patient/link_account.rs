use anamnesis_domain::AccountId;
use anamnesis_domain::account::Account;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// An account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkAccountBody {
    /// The account.
    account_id: AccountId,
}

/// Says with which account a patient signs in.
#[utoipa::path(post, path = "/v1/patients/{id}/link-account", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = LinkAccountBody, responses(CommandAnswers))]
pub(crate) async fn link_patient_account(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<LinkAccountBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Account>(&may.call, "account_id", [body.value.account_id]).await?;
    let command = PatientCommand::LinkAccount { now, account_id: body.value.account_id };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
