use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::{AmendmentRequestId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why the patient disagrees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisputeAmendmentDenialBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// The patient's statement.
    statement: Text,
}

/// Writes down that the patient disagrees with a denial.
#[utoipa::path(post, path = "/v1/patients/{id}/dispute-amendment-denial", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = DisputeAmendmentDenialBody, responses(CommandAnswers))]
pub(crate) async fn dispute_amendment_denial(
    State(app): State<App>,
    may: May<may::RequestAmendments>,
    PathId(id): PathId,
    body: Body<DisputeAmendmentDenialBody>,
) -> Result<Accepted, Problem> {
    let DisputeAmendmentDenialBody { request_id, statement } = body.value;
    let command = AmendmentCommand::Dispute { statement };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
