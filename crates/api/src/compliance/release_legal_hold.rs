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
pub(crate) struct ReleaseLegalHoldBody {
    /// In words.
    reason: Text,
}

/// Ends a legal hold.
#[utoipa::path(post, path = "/v1/compliance/legal-holds/{id}/release", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = ReleaseLegalHoldBody, responses(CommandAnswers))]
pub(crate) async fn release_legal_hold(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<ReleaseLegalHoldBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let ReleaseLegalHoldBody { reason } = body.value;
    let command = ComplianceCommand::ReleaseLegalHold { now, account_id, reason };
    app.act::<Compliance>(collections::LEGAL_HOLDS, id, command, &may.call, &body.bytes).await
}
