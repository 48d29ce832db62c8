use anamnesis_domain::patient::{Demographics, Patient, PatientCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Replaces what is known of who a patient is.
#[utoipa::path(post, path = "/v1/patients/{id}/correct-demographics", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = Demographics, responses(CommandAnswers))]
pub(crate) async fn correct_patient_demographics(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<Demographics>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::CorrectDemographics { now, demographics: Box::new(body.value) };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
