use anamnesis_domain::Text;
use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkEnteredInErrorBody {
    /// In words.
    reason: Text,
}

/// Says that a record should never have been written.
#[utoipa::path(post, path = "/v1/records/{id}/mark-entered-in-error", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = MarkEnteredInErrorBody, responses(CommandAnswers))]
pub(crate) async fn mark_record_entered_in_error(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<MarkEnteredInErrorBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::MarkEnteredInError { now, reason: body.value.reason };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
