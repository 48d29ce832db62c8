use anamnesis_domain::patient::{HistoryList, Patient, PatientCommand};
use anamnesis_domain::{EntryId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What never was true.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkHistoryEntryInErrorBody {
    /// Of which list.
    list: HistoryList,
    /// Which entry of it.
    entry_id: EntryId,
    /// What was wrong.
    reason: Text,
}

/// Says that an entry of a patient's history never was true. It stays visible as that.
#[utoipa::path(post, path = "/v1/patients/{id}/mark-history-entry-in-error", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = MarkHistoryEntryInErrorBody, responses(CommandAnswers))]
pub(crate) async fn mark_patient_history_entry_in_error(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<MarkHistoryEntryInErrorBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let MarkHistoryEntryInErrorBody { list, entry_id, reason } = body.value;
    let command = PatientCommand::MarkHistoryEntryInError { now, list, entry_id, reason };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
