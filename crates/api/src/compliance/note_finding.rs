use anamnesis_domain::compliance::{Compliance, ComplianceCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What was learnt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteFindingBody {
    /// In words.
    note: Text,
}

/// Writes down what was learnt about a finding.
#[utoipa::path(post, path = "/v1/compliance/findings/{id}/note", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = NoteFindingBody, responses(CommandAnswers))]
pub(crate) async fn note_finding(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<NoteFindingBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let NoteFindingBody { note } = body.value;
    let command = ComplianceCommand::NoteFinding { now, account_id, note };
    app.act::<Compliance>(collections::FINDINGS, id, command, &may.call, &body.bytes).await
}
