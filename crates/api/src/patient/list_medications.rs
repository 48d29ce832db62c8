use anamnesis_domain::PatientId;
use anamnesis_projections::history_lists::{MedicationRow, Medications};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;

use super::entries::EntryFilter;
use crate::App;
use crate::edge::{After, Asked, Disclosed, ListAnswers, Listed, May, Params, PathId, Problem, When, may};

/// Lists what a patient takes, in the order in which they were told first.
#[utoipa::path(get, path = "/v1/patients/{id}/medications", tag = "patients", params(("id" = uuid::Uuid, Path), EntryFilter, After),
    responses(ListAnswers<MedicationRow>))]
pub(crate) async fn list_patient_medications(
    State(app): State<App>,
    may: May<may::ReadPatients>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<EntryFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let (patient, order) = (PatientId(id), ORDERS.entries);
    let when = When { after, as_of: filter.as_of };
    let query = filter.query::<MedicationRow>(order)?;
    app.list_of::<Medications, _>(&may, patient, Asked { query, order, patient: Some(patient), when }).await
}
