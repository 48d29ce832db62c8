use anamnesis_domain::document::{Document, DocumentCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Says that a document is being processed; its file must have been verified.
#[utoipa::path(post, path = "/v1/documents/{id}/start-processing", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn start_document_processing(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = DocumentCommand::StartProcessing { now };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
