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
use crate::edge::{After, AsOf, Disclosure, May, Problem, may};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(timeline::get_patient_history))
        .routes(routes!(differences::get_patient_history_diff))
        .routes(routes!(proof::get_patient_proof))
}

/// The position up to which the past is told: that of a moment, or the log's end.
async fn end(app: &App, may: &May<may::ReadHistory>, as_of: Option<AsOf>, after: After) -> Result<u64, Problem> {
    if let Some(AsOf(moment)) = as_of {
        return app.position_at(&may.call, "as_of", moment).await;
    }
    let wanted = after.wanted(app).await?.position;
    let head = app.log.head().await?;
    if head.position >= wanted {
        return Ok(head.position);
    }
    let reached = app.log.wait_for(wanted, app.after_wait()).await;
    reached.map(|head| head.position).ok_or_else(|| Problem::unavailable("the log hasn't reached Anamnesis-After; try again"))
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
