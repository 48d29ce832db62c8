use anamnesis_domain::compliance::{Compliance, ComplianceCommand};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::{AccountId, PatientId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::collections;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WidenLegalHoldBody {
    /// At most 100 at once; those it covers already change nothing.
    patient_ids: Vec<PatientId>,
}

/// Has a legal hold cover more patients.
#[utoipa::path(post, path = "/v1/compliance/legal-holds/{id}/widen", tag = "compliance", params(("id" = uuid::Uuid, Path)),
    request_body = WidenLegalHoldBody, responses(CommandAnswers))]
pub(crate) async fn widen_legal_hold(
    State(app): State<App>,
    may: May<may::ManageCompliance>,
    PathId(id): PathId,
    body: Body<WidenLegalHoldBody>,
) -> Result<Accepted, Problem> {
    let (now, account_id) = (may.call.now, AccountId(may.call.actor.account_id));
    app.known::<Patient>(&may.call, "patient_ids", body.value.patient_ids.iter().copied()).await?;
    let WidenLegalHoldBody { patient_ids } = body.value;
    let command = ComplianceCommand::WidenLegalHold { now, account_id, patient_ids };
    app.act::<Compliance>(collections::LEGAL_HOLDS, id, command, &may.call, &body.bytes).await
}
