use anamnesis_domain::AccountId;
use anamnesis_domain::compliance::{Compliance, ComplianceCommand, NewLegalHold};
use anamnesis_domain::patient::Patient;
use axum::extract::State;
use uuid::Uuid;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Makes the organization keep patients' data until further notice.
#[utoipa::path(post, path = "/v1/compliance/legal-holds", tag = "compliance", request_body = NewLegalHold, responses(CommandAnswers))]
pub(crate) async fn place_legal_hold(State(app): State<App>, may: May<may::ManageCompliance>, body: Body<NewLegalHold>) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    app.known::<Patient>(&may.call, "patient_ids", body.value.patient_ids.iter().copied()).await?;
    let command = ComplianceCommand::PlaceLegalHold { now, account_id, hold: body.value };
    app.create::<Compliance>(collections::LEGAL_HOLDS, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
