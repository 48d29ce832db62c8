use anamnesis_domain::document::{Document, DocumentCommand, NewDocument};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::{AccountId, ObjectId};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Registers a file about a patient: what it is, and the digest of its bytes.
#[utoipa::path(post, path = "/v1/documents", tag = "documents",
    request_body = NewDocument, responses(CommandAnswers))]
pub(crate) async fn register_document(State(app): State<App>, may: May<may::WriteRecords>, body: Body<NewDocument>) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Patient>(&may.call, "patient_id", [body.value.patient_id]).await?;
    let (account_id, object_id) = (AccountId(may.call.actor.account_id), ObjectId(Uuid::new_v4()));
    let command = DocumentCommand::Register { now, document: Box::new(body.value), object_id, account_id };
    app.create::<Document>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
