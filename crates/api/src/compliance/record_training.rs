use anamnesis_domain::AccountId;
use anamnesis_domain::account::Account;
use anamnesis_domain::compliance::{Compliance, ComplianceCommand, NewTraining};
use axum::extract::State;
use uuid::Uuid;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Writes down that a member of the workforce was trained.
#[utoipa::path(post, path = "/v1/compliance/trainings", tag = "compliance", request_body = NewTraining, responses(CommandAnswers))]
pub(crate) async fn record_training(State(app): State<App>, may: May<may::ManageCompliance>, body: Body<NewTraining>) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    app.known::<Account>(&may.call, "account_id", [body.value.account_id]).await?;
    let command = ComplianceCommand::RecordTraining { now, account_id, training: body.value };
    app.create::<Compliance>(collections::TRAININGS, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
