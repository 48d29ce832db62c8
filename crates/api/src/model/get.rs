use anamnesis_domain::Aggregate;
use anamnesis_domain::model::Model;
use anamnesis_projections::kernel::fold_until;
use anamnesis_projections::models::{MODELS, ModelRow, Models};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOf, AsOfParams, Item, May, Params, PathId, Problem, RowAnswers, Shown, may};

/// Shows an AI model, as its version in use, and all of its versions.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "models", params(("id" = uuid::Uuid, Path), AsOfParams, After), responses(RowAnswers<ModelRow>))]
pub(crate) async fn get_model(
    State(app): State<App>,
    may: May<may::ReadModels>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Shown<Item>, Problem> {
    let Some(AsOf(moment)) = as_of else { return app.show_entry::<ModelRow, _>(&may, &MODELS, id, after).await };
    let position = app.position_at(&may.call, "as_of", moment).await?;
    let events = app.history(&may).of_stream(Model::TYPE, id, position).await?;
    let rows = fold_until::<Models>(&events)?;
    let row = rows.first().ok_or_else(Problem::not_found)?;
    Ok(Shown::row(row, position))
}
