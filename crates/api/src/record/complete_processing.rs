use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Says that a record was processed.
#[utoipa::path(post, path = "/v1/records/{id}/complete-processing", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn complete_record_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::CompleteProcessing { now };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
