use anamnesis_projections::predictions::{PredictionRow, Predictions};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows what a model predicted of a patient, and what came of it.
#[utoipa::path(get, path = "/v1/predictions/{id}", tag = "predictions", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<PredictionRow>))]
pub(crate) async fn get_prediction(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.show::<Predictions, _>(&may, id, When { after, as_of }).await
}
