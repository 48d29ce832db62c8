use anamnesis_domain::Instant;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// When.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDeathBody {
    /// The moment of death.
    deceased_at: Instant,
}

/// Writes down that a patient died.
#[utoipa::path(post, path = "/v1/patients/{id}/record-death", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = RecordDeathBody, responses(CommandAnswers))]
pub(crate) async fn record_patient_death(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<RecordDeathBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::RecordDeath { now, deceased_at: body.value.deceased_at };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
