use anamnesis_domain::PatientId;
use anamnesis_projections::history_lists::{Allergies, AllergyRow};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;

use super::entries::EntryFilter;
use crate::App;
use crate::edge::{After, Asked, Disclosed, ListAnswers, Listed, May, Params, PathId, Problem, When, may};

/// Lists what a patient reacts to, in the order in which they were told first.
#[utoipa::path(get, path = "/v1/patients/{id}/allergies", tag = "patients", params(("id" = uuid::Uuid, Path), EntryFilter, After),
    responses(ListAnswers<AllergyRow>))]
pub(crate) async fn list_patient_allergies(
    State(app): State<App>,
    may: May<may::ReadPatients>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<EntryFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let (patient, order) = (PatientId(id), ORDERS.entries);
    let when = When { after, as_of: filter.as_of };
    let query = filter.query::<AllergyRow>(order)?;
    app.list_of::<Allergies, _>(&may, patient, Asked { query, order, patient: Some(patient), when }).await
}
