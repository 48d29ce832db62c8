use anamnesis_domain::AccountId;
use anamnesis_domain::account::Account;
use anamnesis_domain::compliance::{Compliance, ComplianceCommand, NewDesignation};
use axum::extract::State;
use uuid::Uuid;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Makes somebody responsible: for security, for privacy, or for receiving complaints.
#[utoipa::path(post, path = "/v1/compliance/officers", tag = "compliance", request_body = NewDesignation, responses(CommandAnswers))]
pub(crate) async fn designate_officer(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    body: Body<NewDesignation>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    app.known::<Account>(&may.call, "account_id", [body.value.account_id]).await?;
    let command = ComplianceCommand::DesignateOfficer { now, account_id, designation: body.value };
    app.create::<Compliance>(collections::OFFICERS, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
