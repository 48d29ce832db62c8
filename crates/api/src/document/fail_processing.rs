use anamnesis_domain::Text;
use anamnesis_domain::document::{Document, DocumentCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailDocumentProcessingBody {
    /// In words.
    processing_error: Text,
}

/// Says that a document couldn't be processed.
#[utoipa::path(post, path = "/v1/documents/{id}/fail-processing", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = FailDocumentProcessingBody, responses(CommandAnswers))]
pub(crate) async fn fail_document_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<FailDocumentProcessingBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = DocumentCommand::FailProcessing { now, processing_error: body.value.processing_error };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
