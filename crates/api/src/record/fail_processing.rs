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
pub(crate) struct FailProcessingBody {
    /// In words.
    processing_error: Text,
}

/// Says that a record couldn't be processed.
#[utoipa::path(post, path = "/v1/records/{id}/fail-processing", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = FailProcessingBody, responses(CommandAnswers))]
pub(crate) async fn fail_record_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<FailProcessingBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::FailProcessing { now, processing_error: body.value.processing_error };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
