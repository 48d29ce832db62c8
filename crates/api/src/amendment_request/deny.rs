use anamnesis_domain::patient::{AmendmentCommand, DenialGround};
use anamnesis_domain::{AmendmentRequestId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DenyAmendmentBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// On which ground.
    ground: DenialGround,
    /// The basis of it in plain language.
    explanation: Text,
}

/// Denies a request for amendment, on one of the four grounds that the law knows.
#[utoipa::path(post, path = "/v1/patients/{id}/deny-amendment", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = DenyAmendmentBody, responses(CommandAnswers))]
pub(crate) async fn deny_amendment(
    State(app): State<App>,
    may: May<may::DecideAmendments>,
    PathId(id): PathId,
    body: Body<DenyAmendmentBody>,
) -> Result<Accepted, Problem> {
    let DenyAmendmentBody { request_id, ground, explanation } = body.value;
    let command = AmendmentCommand::Deny { ground, explanation };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
