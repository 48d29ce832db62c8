use anamnesis_domain::patient::{Allergy, Patient, PatientCommand};
use anamnesis_domain::record::Record;
use anamnesis_domain::{EntryId, PatientId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// An allergy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordAllergyBody {
    /// Which entry of the history; none: a new one.
    entry_id: Option<EntryId>,
    /// What is known of it now.
    allergy: Allergy,
}

/// Adds an allergy to a patient's history, or changes one.
#[utoipa::path(post, path = "/v1/patients/{id}/record-allergy", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = RecordAllergyBody, responses(CommandAnswers))]
pub(crate) async fn record_patient_allergy(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<RecordAllergyBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known_of(&may.call, "allergy.record_id", PatientId(id), body.value.allergy.record_id, Record::patient_id).await?;
    let command =
        PatientCommand::RecordAllergy { now, entry_id: body.value.entry_id.unwrap_or_else(|| EntryId(Uuid::now_v7())), allergy: body.value.allergy };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
