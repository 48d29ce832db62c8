use anamnesis_domain::patient::{Patient, PatientCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Looks after a patient again.
#[utoipa::path(post, path = "/v1/patients/{id}/reactivate", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn reactivate_patient(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::Reactivate { now };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
