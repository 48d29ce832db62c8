use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Says that a record is being processed.
#[utoipa::path(post, path = "/v1/records/{id}/start-processing", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn start_record_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::StartProcessing { now };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
