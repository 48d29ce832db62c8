use anamnesis_domain::patient::AmendmentCommand;
use anamnesis_domain::{AmendmentRequestId, Line};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Who knows of it now.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TellAmendmentRecipientBody {
    /// Which request.
    request_id: AmendmentRequestId,
    /// Who was told.
    recipient: Line,
}

/// Writes down that somebody who relies on the record was told of an amendment.
#[utoipa::path(post, path = "/v1/patients/{id}/tell-amendment-recipient", tag = "amendment requests", params(("id" = uuid::Uuid, Path)),
    request_body = TellAmendmentRecipientBody, responses(CommandAnswers))]
pub(crate) async fn tell_amendment_recipient(
    State(app): State<App>,
    may: May<may::DecideAmendments>,
    PathId(id): PathId,
    body: Body<TellAmendmentRecipientBody>,
) -> Result<Accepted, Problem> {
    let TellAmendmentRecipientBody { request_id, recipient } = body.value;
    let command = AmendmentCommand::Tell { recipient };
    app.amend(&may, id, request_id, command, &body.bytes).await
}
