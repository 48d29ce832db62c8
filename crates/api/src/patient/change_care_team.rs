use anamnesis_domain::patient::{CareTeamMember, Patient, PatientCommand};
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Who else looks after the patient from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeCareTeamBody {
    /// Each provider once.
    care_team: Vec<CareTeamMember>,
}

/// Replaces who else looks after a patient.
#[utoipa::path(post, path = "/v1/patients/{id}/change-care-team", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeCareTeamBody, responses(CommandAnswers))]
pub(crate) async fn change_patient_care_team(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<ChangeCareTeamBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Provider>(&may.call, "care_team", body.value.care_team.iter().map(|member| member.provider_id)).await?;
    let command = PatientCommand::ChangeCareTeam { now, care_team: body.value.care_team };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
