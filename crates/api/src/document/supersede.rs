use anamnesis_domain::document::{Document, DocumentCommand};
use anamnesis_domain::{DocumentId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupersedeDocumentBody {
    /// The newer document, of the same patient.
    superseded_by: DocumentId,
    /// Why.
    reason: Option<Text>,
}

/// Puts a newer document in the place of this one.
#[utoipa::path(post, path = "/v1/documents/{id}/supersede", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = SupersedeDocumentBody, responses(CommandAnswers))]
pub(crate) async fn supersede_document(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<SupersedeDocumentBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let SupersedeDocumentBody { superseded_by, reason } = body.value;
    let command = DocumentCommand::Supersede { now, id: DocumentId(id), superseded_by, reason };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
