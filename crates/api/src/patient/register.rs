use anamnesis_domain::account::Account;
use anamnesis_domain::patient::{NewPatient, Patient, PatientCommand};
use anamnesis_domain::provider::Provider;
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
    app.known::<Account>(&may.call, "account_id", body.value.account_id).await?;
    app.known::<Provider>(&may.call, "primary_care_provider_id", body.value.primary_care_provider_id).await?;
    app.known::<Provider>(&may.call, "care_team", body.value.care_team.iter().map(|member| member.provider_id)).await?;
    let command = PatientCommand::Register { now, patient: Box::new(body.value) };
    app.create::<Patient>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
