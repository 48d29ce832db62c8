use anamnesis_domain::Identifier;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Removes such a number.
#[utoipa::path(post, path = "/v1/patients/{id}/remove-identifier", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = Identifier, responses(CommandAnswers))]
pub(crate) async fn remove_patient_identifier(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<Identifier>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::RemoveIdentifier { now, identifier: body.value };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
