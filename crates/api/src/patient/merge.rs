use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::{AccountId, PatientId, Text};
use anamnesis_journal::Group;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Into whom, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeBody {
    /// The patient who goes on.
    survivor_id: PatientId,
    /// How it was found out that they are one.
    reason: Text,
}

/// Merges a duplicate into another patient. Nothing is moved: each keeps their records, and says who the other is.
#[utoipa::path(post, path = "/v1/patients/{id}/merge", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = MergeBody, responses(CommandAnswers))]
pub(crate) async fn merge_patient(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<MergeBody>,
) -> Result<Accepted, Problem> {
    let (call, MergeBody { survivor_id, reason }) = (&may.call, body.value);
    app.known::<Patient>(call, "survivor_id", [survivor_id]).await?;
    let (now, account_id, duplicate_id) = (call.now, AccountId(call.actor.account_id), PatientId(id));
    let group = Group::new()
        .execute::<Patient>(id, PatientCommand::MergeInto { now, id, survivor_id, reason, account_id }, call.expected)
        .execute::<Patient>(survivor_id.0, PatientCommand::AbsorbDuplicate { now, duplicate_id, account_id }, None);
    app.act_on_all::<Patient>(COLLECTION, id, &group, call, &body.bytes).await
}
