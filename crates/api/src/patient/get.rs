use anamnesis_domain::PatientId;
use anamnesis_projections::patients::{PatientRow, Patients};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows a patient.
#[utoipa::path(get, path = "/v1/patients/{id}", tag = "patients", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<PatientRow>))]
pub(crate) async fn get_patient(
    State(app): State<App>,
    may: May<may::ReadPatients>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.reach(&may, PatientId(id)).await?;
    app.show::<Patients, _>(&may, id, When { after, as_of }).await
}
