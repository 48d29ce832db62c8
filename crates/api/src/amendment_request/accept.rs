use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::{AmendmentRequestId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What is appended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptAmendmentBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// The amendment.
    amendment: Text,
}

/// Accepts a request for amendment. The amendment stands beside what it amends, which stays as it was.
#[utoipa::path(post, path = "/v1/patients/{id}/accept-amendment", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = AcceptAmendmentBody, responses(CommandAnswers))]
pub(crate) async fn accept_amendment(
    State(app): State<App>,
    may: May<may::DecideAmendments>,
    PathId(id): PathId,
    body: Body<AcceptAmendmentBody>,
) -> Result<Accepted, Problem> {
    let AcceptAmendmentBody { request_id, amendment } = body.value;
    let command = AmendmentCommand::Accept { amendment };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
