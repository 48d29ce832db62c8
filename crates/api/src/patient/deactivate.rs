use anamnesis_domain::Text;
use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeactivateBody {
    /// In words.
    reason: Option<Text>,
}

/// Looks after a patient no longer; the records stay.
#[utoipa::path(post, path = "/v1/patients/{id}/deactivate", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = DeactivateBody, responses(CommandAnswers))]
pub(crate) async fn deactivate_patient(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<DeactivateBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::Deactivate { now, reason: body.value.reason };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
