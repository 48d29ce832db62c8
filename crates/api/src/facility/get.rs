use anamnesis_projections::facilities::{FACILITIES, FacilityRow};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Item, May, NoParams, Params, PathId, Problem, RowAnswers, Shown, may};

/// Shows a facility.
#[utoipa::path(get, path = "/v1/facilities/{id}", tag = "facilities", params(("id" = uuid::Uuid, Path), After), responses(RowAnswers<FacilityRow>))]
pub(crate) async fn get_facility(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Shown<Item>, Problem> {
    app.show_entry::<FacilityRow, _>(&may, &FACILITIES, id, after).await
}
