use anamnesis_domain::patient::{HistoryList, Patient, PatientCommand};
use anamnesis_domain::{Date, EntryId, Text};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What is over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndHistoryEntryBody {
    /// Of which list.
    list: HistoryList,
    /// Which entry of it.
    entry_id: EntryId,
    /// The last day of it.
    ended: Date,
    /// Why, in words.
    reason: Option<Text>,
}

/// Says that a condition or allergy is over, or that a medication isn't taken any more.
#[utoipa::path(post, path = "/v1/patients/{id}/end-history-entry", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = EndHistoryEntryBody, responses(CommandAnswers))]
pub(crate) async fn end_patient_history_entry(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<EndHistoryEntryBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let EndHistoryEntryBody { list, entry_id, ended, reason } = body.value;
    let command = PatientCommand::EndHistoryEntry { now, list, entry_id, ended, reason };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
