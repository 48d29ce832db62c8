use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::record::Record;
use anamnesis_domain::{AmendmentRequestId, Instant, Line, PatientId, RecordId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What is wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestAmendmentBody {
    /// Which request; none: a new one.
    request_id: Option<AmendmentRequestId>,
    /// What should be amended, and to what.
    amends: Text,
    /// Why.
    reason: Text,
    /// The record that is wrong, if it is one.
    record_id: Option<RecordId>,
    /// Whom the patient wants to be told of the amendment.
    #[serde(default)]
    tell: Vec<Line>,
    /// When it was received, if it is only written down now: the 60 days count from then.
    received_at: Option<Instant>,
}

/// Asks for an amendment of a patient's record. It must be acted on within 60 days.
#[utoipa::path(post, path = "/v1/patients/{id}/request-amendment", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = RequestAmendmentBody, responses(CommandAnswers))]
pub(crate) async fn request_amendment(
    State(app): State<App>,
    may: May<may::RequestAmendments>,
    PathId(id): PathId,
    body: Body<RequestAmendmentBody>,
) -> Result<Accepted, Problem> {
    let RequestAmendmentBody { request_id, amends, reason, record_id, tell, received_at } = body.value;
    app.reach(&may, PatientId(id)).await?;
    app.known_of(&may.call, "record_id", PatientId(id), record_id, Record::patient_id).await?;
    let request_id = request_id.unwrap_or_else(|| AmendmentRequestId(Uuid::now_v7()));
    let command = AmendmentCommand::Request { amends, reason, record_id, tell, received_at };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
