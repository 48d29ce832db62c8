use anamnesis_domain::Text;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What may make the patient ill.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRiskFactorsBody {
    /// From now on.
    risk_factors: Vec<Text>,
}

/// Replaces what may make a patient ill.
#[utoipa::path(post, path = "/v1/patients/{id}/change-risk-factors", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeRiskFactorsBody, responses(CommandAnswers))]
pub(crate) async fn change_patient_risk_factors(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<ChangeRiskFactorsBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::ChangeRiskFactors { now, risk_factors: body.value.risk_factors };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
