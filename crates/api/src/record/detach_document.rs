use anamnesis_domain::record::{Record, RecordCommand};
use anamnesis_domain::{DocumentId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What doesn't belong to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetachDocumentBody {
    /// The document.
    document_id: DocumentId,
    /// Why.
    reason: Text,
}

/// Detaches a document from a record; the document itself stays.
#[utoipa::path(post, path = "/v1/records/{id}/detach-document", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = DetachDocumentBody, responses(CommandAnswers))]
pub(crate) async fn detach_document_from_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<DetachDocumentBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let DetachDocumentBody { document_id, reason } = body.value;
    let command = RecordCommand::DetachDocument { now, document_id, reason };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
