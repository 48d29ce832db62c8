use anamnesis_domain::patient::{Contact, Patient, PatientCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Replaces how a patient is reached.
#[utoipa::path(post, path = "/v1/patients/{id}/change-contact", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = Contact, responses(CommandAnswers))]
pub(crate) async fn change_patient_contact(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<Contact>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::ChangeContact { now, contact: body.value };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
