use anamnesis_domain::Text;
use anamnesis_domain::document::{Document, DocumentCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What came of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteDocumentProcessingBody {
    /// The text in it; none: there is none.
    extracted_text: Option<Text>,
}

/// Says that a document has been processed, and what could be read.
#[utoipa::path(post, path = "/v1/documents/{id}/complete-processing", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = CompleteDocumentProcessingBody, responses(CommandAnswers))]
pub(crate) async fn complete_document_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<CompleteDocumentProcessingBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = DocumentCommand::CompleteProcessing { now, extracted_text: body.value.extracted_text };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
