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
pub(crate) struct MarkTrainingInErrorBody {
    /// What is wrong.
    reason: Text,
}

/// Says that a training didn't happen as it was written down.
#[utoipa::path(post, path = "/v1/compliance/trainings/{id}/mark-in-error", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = MarkTrainingInErrorBody, responses(CommandAnswers))]
pub(crate) async fn mark_training_in_error(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<MarkTrainingInErrorBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let MarkTrainingInErrorBody { reason } = body.value;
    let command = ComplianceCommand::MarkTrainingInError { now, account_id, reason };
    app.act::<Compliance>(collections::TRAININGS, id, command, &may.call, &body.bytes).await
}
