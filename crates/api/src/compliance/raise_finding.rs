use anamnesis_domain::AccountId;
use anamnesis_domain::account::Account;
use anamnesis_domain::compliance::{Compliance, ComplianceCommand, NewFinding};
use anamnesis_domain::patient::Patient;
use axum::extract::State;
use uuid::Uuid;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Writes down something that may break a rule.
#[utoipa::path(post, path = "/v1/compliance/findings", tag = "compliance", request_body = NewFinding, responses(CommandAnswers))]
pub(crate) async fn raise_finding(State(app): State<App>, may: May<may::ManageCompliance>, body: Body<NewFinding>) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    app.known::<Account>(&may.call, "account_ids", body.value.account_ids.iter().copied()).await?;
    app.known::<Patient>(&may.call, "patient_ids", body.value.patient_ids.iter().copied()).await?;
    let command = ComplianceCommand::RaiseFinding { now, account_id, finding: Box::new(body.value) };
    app.create::<Compliance>(collections::FINDINGS, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
