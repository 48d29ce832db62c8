use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::{AmendmentRequestId, Instant, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why it takes longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendAmendmentDeadlineBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// Why, as the patient was told.
    reason: Text,
    /// Until when it will be acted on.
    due_at: Instant,
}

/// Says that acting on a request for amendment takes longer: once, by at most 30 days, before the deadline.
#[utoipa::path(post, path = "/v1/patients/{id}/extend-amendment-deadline", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = ExtendAmendmentDeadlineBody, responses(CommandAnswers))]
pub(crate) async fn extend_amendment_deadline(
    State(app): State<App>,
    may: May<may::DecideAmendments>,
    PathId(id): PathId,
    body: Body<ExtendAmendmentDeadlineBody>,
) -> Result<Accepted, Problem> {
    let ExtendAmendmentDeadlineBody { request_id, reason, due_at } = body.value;
    let command = AmendmentCommand::Extend { reason, due_at };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
