use anamnesis_domain::Text;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What the patient wants to reach.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeHealthGoalsBody {
    /// From now on.
    health_goals: Vec<Text>,
}

/// Replaces what a patient wants to reach.
#[utoipa::path(post, path = "/v1/patients/{id}/change-health-goals", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeHealthGoalsBody, responses(CommandAnswers))]
pub(crate) async fn change_patient_health_goals(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<ChangeHealthGoalsBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::ChangeHealthGoals { now, health_goals: body.value.health_goals };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
