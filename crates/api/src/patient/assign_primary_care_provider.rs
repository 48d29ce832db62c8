use anamnesis_domain::ProviderId;
use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Who looks after the patient.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignPrimaryCareProviderBody {
    /// The provider; none: nobody any more.
    provider_id: Option<ProviderId>,
}

/// Says who looks after a patient in general.
#[utoipa::path(post, path = "/v1/patients/{id}/assign-primary-care-provider", tag = "patients", params(("id" = uuid::Uuid, Path)),
    request_body = AssignPrimaryCareProviderBody, responses(CommandAnswers))]
pub(crate) async fn assign_primary_care_provider(
    State(app): State<App>,
    may: May<may::WritePatients>,
    PathId(id): PathId,
    body: Body<AssignPrimaryCareProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Provider>(&may.call, "provider_id", body.value.provider_id).await?;
    let command = PatientCommand::AssignPrimaryCareProvider { now, provider_id: body.value.provider_id };
    app.act::<Patient>(COLLECTION, id, command, &may.call, &body.bytes).await
}
