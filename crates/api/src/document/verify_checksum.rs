use anamnesis_domain::document::{Document, DocumentCommand};
use anamnesis_domain::{AccountId, Sha256};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What was found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyChecksumBody {
    /// The digest of the bytes as they are stored.
    sha256: Sha256,
}

/// Compares the digest of the stored bytes with the declared one. If they differ, that is recorded, for good: such a document is never verified.
#[utoipa::path(post, path = "/v1/documents/{id}/verify-checksum", tag = "documents", params(("id" = uuid::Uuid, Path)),
    request_body = VerifyChecksumBody, responses(CommandAnswers))]
pub(crate) async fn verify_document_checksum(
    State(app): State<App>,
    may: May<may::WriteRecords>,
    PathId(id): PathId,
    body: Body<VerifyChecksumBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let account_id = AccountId(may.call.actor.account_id);
    let command = DocumentCommand::VerifyChecksum { now, found_sha256: body.value.sha256, account_id };
    app.act::<Document>(COLLECTION, id, command, &may.call, &body.bytes).await
}
