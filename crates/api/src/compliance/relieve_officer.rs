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
pub(crate) struct RelieveOfficerBody {
    /// In words.
    reason: Option<Text>,
}

/// Ends a designation, so that another can be made for the same office.
#[utoipa::path(post, path = "/v1/compliance/officers/{id}/relieve", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = RelieveOfficerBody, responses(CommandAnswers))]
pub(crate) async fn relieve_officer(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<RelieveOfficerBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    let RelieveOfficerBody { reason } = body.value;
    let command = ComplianceCommand::RelieveOfficer { now, account_id, reason };
    app.act::<Compliance>(collections::OFFICERS, id, command, &may.call, &body.bytes).await
}
