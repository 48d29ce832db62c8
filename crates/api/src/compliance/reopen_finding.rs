use anamnesis_domain::compliance::{Compliance, ComplianceCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReopenFindingBody {
    /// In words.
    reason: Text,
}

/// Has a finding looked at again.
#[utoipa::path(post, path = "/v1/compliance/findings/{id}/reopen", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = ReopenFindingBody, responses(CommandAnswers))]
pub(crate) async fn reopen_finding(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<ReopenFindingBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let ReopenFindingBody { reason } = body.value;
    let command = ComplianceCommand::ReopenFinding { now, account_id, reason };
    app.act::<Compliance>(collections::FINDINGS, id, command, &may.call, &body.bytes).await
}
