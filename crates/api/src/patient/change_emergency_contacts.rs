use anamnesis_domain::patient::{EmergencyContact, Patient, PatientCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Whom to call from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeEmergencyContactsBody {
    /// The first one first; empty: nobody.
    emergency_contacts: Vec<EmergencyContact>,
}

/// Replaces whom to call for a patient.
#[utoipa::path(post, path = "/v1/patients/{id}/change-emergency-contacts", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = ChangeEmergencyContactsBody, responses(CommandAnswers))]
pub(crate) async fn change_patient_emergency_contacts(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<ChangeEmergencyContactsBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = PatientCommand::ChangeEmergencyContacts { now, emergency_contacts: body.value.emergency_contacts };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
