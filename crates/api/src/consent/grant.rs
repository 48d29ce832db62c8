use std::collections::BTreeMap;

use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose};
use anamnesis_domain::facility::Facility;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::{Affiliation, Provider};
use anamnesis_domain::{Instant, PatientId};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, Call, CommandAnswers, May, Problem, may, of_command};

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

/// Allows a provider or facility to use a patient's data. Patients do so for themselves; somebody else notes what a patient
/// said, but not who is allowed by it.
#[utoipa::path(post, path = "/v1/consents", tag = "consents", request_body = GrantConsentBody, responses(CommandAnswers))]
pub(crate) async fn grant_consent(State(app): State<App>, may: May<may::WriteConsents>, body: Body<GrantConsentBody>) -> Result<Accepted, Problem> {
    let GrantConsentBody { patient_id, grantee, purposes, categories, expires_at } = body.value;
    app.reach(&may, patient_id).await?;
    app.known::<Patient>(&may.call, "patient_id", [patient_id]).await?;
    app.known::<Provider>(&may.call, "grantee.provider_id", grantee.provider_id).await?;
    app.known::<Facility>(&may.call, "grantee.facility_id", grantee.facility_id).await?;
    let consent = ConsentGranted { patient_id, grantee, purposes, categories, granted_at: may.call.now, expires_at };
    let themselves = app.themselves(&may.call, patient_id).await?;
    let command = ConsentCommand::Grant(GrantConsent { consent, themselves });
    app.create::<Consent>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}

impl App {
    /// What a consent of that patient would name the caller by: as a provider, or by a facility where they work, whenever that is.
    async fn themselves(&self, call: &Call, patient: PatientId) -> Result<Vec<Grantee>, Problem> {
        let Some(provider_id) = call.actor.provider_id.filter(|_| call.actor.patient_id != Some(patient)) else { return Ok(vec![]) };
        let loaded = self.journal.load::<Provider>(call.actor.organization_id, provider_id.0).await.map_err(of_command)?;
        let affiliations = match loaded {
            Some((Provider::Active(practice) | Provider::Suspended(practice), _)) => practice.affiliations,
            Some((Provider::Absent, _)) | None => BTreeMap::new(),
        };
        let as_facility = |there: Affiliation| Grantee { provider_id: None, facility_id: Some(there.facility_id) };
        let as_provider = Grantee { provider_id: Some(provider_id), facility_id: None };
        Ok(affiliations.into_values().map(as_facility).chain([as_provider]).collect())
    }
}
