use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::{AmendmentRequestId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why it stays denied.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebutAmendmentDisputeBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// The answer.
    rebuttal: Text,
}

/// Answers a patient's statement of disagreement.
#[utoipa::path(post, path = "/v1/patients/{id}/rebut-amendment-dispute", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = RebutAmendmentDisputeBody, responses(CommandAnswers))]
pub(crate) async fn rebut_amendment_dispute(
    State(app): State<App>,
    may: May<may::DecideAmendments>,
    PathId(id): PathId,
    body: Body<RebutAmendmentDisputeBody>,
) -> Result<Accepted, Problem> {
    let RebutAmendmentDisputeBody { request_id, rebuttal } = body.value;
    let command = AmendmentCommand::Rebut { rebuttal };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
