use anamnesis_domain::patient::{NewPatient, Patient, PatientCommand};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Registers a patient.
#[utoipa::path(post, path = "/v1/patients", tag = "patients",
    request_body = NewPatient, responses(CommandAnswers))]
pub(crate) async fn register_patient(State(app): State<App>, may: May<may::WritePatients>, body: Body<NewPatient>) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::Register { now, patient: Box::new(body.value) };
    app.create::<Patient>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
