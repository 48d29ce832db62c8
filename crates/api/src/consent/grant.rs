use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::{Instant, PatientId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// What is allowed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantConsentBody {
    /// Whose data.
    patient_id: PatientId,
    /// Who may use it.
    grantee: Grantee,
    /// For what.
    purposes: Vec<Purpose>,
    /// Which data.
    categories: Vec<DataCategory>,
    /// Until when; none: until revoked.
    expires_at: Option<Instant>,
}

/// Allows a provider or facility to use a patient's data. Patients do so for themselves.
#[utoipa::path(post, path = "/v1/consents", tag = "consents", request_body = GrantConsentBody, responses(CommandAnswers))]
pub(crate) async fn grant_consent(State(app): State<App>, may: May<may::WriteConsents>, body: Body<GrantConsentBody>) -> Result<Accepted, Problem> {
    let GrantConsentBody { patient_id, grantee, purposes, categories, expires_at } = body.value;
    may.reach(patient_id)?;
    app.known::<Patient>(&may.call, "patient_id", patient_id).await?;
    let consent = ConsentGranted { patient_id, grantee, purposes, categories, granted_at: may.call.now, expires_at };
    let command = ConsentCommand::Grant(GrantConsent { consent });
    app.create::<Consent>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
