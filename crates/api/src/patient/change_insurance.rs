use anamnesis_domain::patient::{Insurance, Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Who pays from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeInsuranceBody {
    /// The first one first; empty: nobody.
    insurance: Vec<Insurance>,
}

/// Replaces who pays for a patient.
#[utoipa::path(post, path = "/v1/patients/{id}/change-insurance", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeInsuranceBody, responses(CommandAnswers))]
pub(crate) async fn change_patient_insurance(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<ChangeInsuranceBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::ChangeInsurance { now, insurance: body.value.insurance };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
