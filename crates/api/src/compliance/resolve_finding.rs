use anamnesis_domain::compliance::{Compliance, ComplianceCommand, FindingOutcome};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What was decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveFindingBody {
    /// What it was.
    outcome: FindingOutcome,
    /// What is done about it, or why nothing is.
    measures: Text,
}

/// Says what a finding was, and what is done about it.
#[utoipa::path(post, path = "/v1/compliance/findings/{id}/resolve", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = ResolveFindingBody, responses(CommandAnswers))]
pub(crate) async fn resolve_finding(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<ResolveFindingBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let ResolveFindingBody { outcome, measures } = body.value;
    let command = ComplianceCommand::ResolveFinding { now, account_id, outcome, measures };
    app.act::<Compliance>(collections::FINDINGS, id, command, &may.call, &body.bytes).await
}
