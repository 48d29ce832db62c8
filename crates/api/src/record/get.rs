use anamnesis_projections::records::{RecordRow, Records};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows a medical record in its newest version.
#[utoipa::path(get, path = "/v1/records/{id}", tag = "records", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<RecordRow>))]
pub(crate) async fn get_record(
    State(app): State<App>,
    may: May<may::ReadRecords>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.show::<Records, _>(&may, id, When { after, as_of }).await
}
