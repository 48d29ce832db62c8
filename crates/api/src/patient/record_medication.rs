use anamnesis_domain::patient::{Medication, Patient, PatientCommand};
use anamnesis_domain::provider::Provider;
use anamnesis_domain::record::Record;
use anamnesis_domain::{EntryId, PatientId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// A medication.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordMedicationBody {
    /// Which entry of the history; none: a new one.
    entry_id: Option<EntryId>,
    /// What is known of it now.
    medication: Medication,
}

/// Adds a medication to a patient's history, or changes one.
#[utoipa::path(post, path = "/v1/patients/{id}/record-medication", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = RecordMedicationBody, responses(CommandAnswers))]
pub(crate) async fn record_patient_medication(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<RecordMedicationBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Provider>(&may.call, "medication.prescriber_id", body.value.medication.prescriber_id).await?;
    app.known_of(&may.call, "medication.record_id", PatientId(id), body.value.medication.record_id, Record::patient_id).await?;
    let command = PatientCommand::RecordMedication {
        now,
        entry_id: body.value.entry_id.unwrap_or_else(|| EntryId(Uuid::now_v7())),
        medication: body.value.medication,
    };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
