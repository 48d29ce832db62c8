//! A patient's past: what happened, what has changed, and the proof of it.

mod differences;
mod proof;
mod timeline;

use anamnesis_domain::PatientId;
use anamnesis_domain::access::AccessAction;
use anamnesis_domain::consent::DataCategory;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::edge::{Disclosure, May, Problem, may};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(timeline::get_patient_history))
        .routes(routes!(differences::get_patient_history_diff))
        .routes(routes!(proof::get_patient_proof))
}

/// Refuses a patient who isn't there or is out of reach.
async fn must_be_there(app: &App, may: &May<may::ReadHistory>, patient: PatientId) -> Result<(), Problem> {
    app.reach(may, patient).await?;
    if app.history(may).subject("patient", patient.0).await?.is_some() { Ok(()) } else { Err(Problem::not_found()) }
}

fn disclosure(patient: PatientId, resource_type: &'static str, result_count: usize) -> Disclosure {
    Disclosure {
        action: AccessAction::History,
        resource_type,
        resource_id: Some(patient.0),
        subjects: [(patient, vec![DataCategory::All])].into(),
        elements: Vec::new(),
        as_of_position: None,
        result_count,
    }
}
