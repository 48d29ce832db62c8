use anamnesis_domain::DocumentId;
use anamnesis_domain::record::{Record, RecordCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What belongs to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachDocumentBody {
    /// The document, of the same patient.
    document_id: DocumentId,
}

/// Attaches a document to a record.
#[utoipa::path(post, path = "/v1/records/{id}/attach-document", tag = "records", params(("id" = uuid::Uuid, Path)),
    request_body = AttachDocumentBody, responses(CommandAnswers))]
pub(crate) async fn attach_document_to_record(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<AttachDocumentBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = RecordCommand::AttachDocument { now, document_id: body.value.document_id };
    app.act::<Record>(COLLECTION, id, command, &may.call, &body.bytes).await
}
