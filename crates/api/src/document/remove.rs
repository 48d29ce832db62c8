use anamnesis_domain::document::{Document, DocumentCommand};
use anamnesis_domain::{AccountId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveDocumentBody {
    /// In words.
    reason: Text,
}

/// Removes a document from use; what is known of it stays.
#[utoipa::path(post, path = "/v1/documents/{id}/remove", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = RemoveDocumentBody, responses(CommandAnswers))]
pub(crate) async fn remove_document(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<RemoveDocumentBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = DocumentCommand::Remove { now, reason: body.value.reason, account_id: AccountId(may.call.actor.account_id) };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
