use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::{AccountId, PatientId, Text};
use anamnesis_journal::Group;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Which merge, and why it was wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoMergeBody {
    /// The patient into whom this one was merged.
    survivor_id: PatientId,
    /// How it was found out that they are two.
    reason: Text,
}

/// Undoes a merge: both are again what they were, with what was recorded of each since.
#[utoipa::path(post, path = "/v1/patients/{id}/undo-merge", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = UndoMergeBody, responses(CommandAnswers))]
pub(crate) async fn undo_patient_merge(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<UndoMergeBody>,
) -> Result<Accepted, Problem> {
    let (call, UndoMergeBody { survivor_id, reason }) = (&may.call, body.value);
    app.known::<Patient>(call, "survivor_id", [survivor_id]).await?;
    let (now, account_id, duplicate_id) = (call.now, AccountId(call.actor.account_id), PatientId(id));
    let group = Group::new()
        .execute::<Patient>(id, PatientCommand::UndoMerge { now, survivor_id, reason, account_id }, call.expected)
        .execute::<Patient>(survivor_id.0, PatientCommand::ReleaseDuplicate { now, duplicate_id, account_id }, None);
    app.act_on_all::<Patient>(COLLECTION, id, &group, call, &body.bytes).await
}
