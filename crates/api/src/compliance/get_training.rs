use anamnesis_projections::compliance::{TrainingRow, Trainings};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Disclosed, Item, May, NoParams, Params, PathId, Problem, RowAnswers, may};

/// Shows a training.
#[utoipa::path(get, path = "/v1/compliance/trainings/{id}", tag = "compliance", params(("id" = uuid::Uuid, Path), After),
    responses(RowAnswers<TrainingRow>))]
pub(crate) async fn get_training(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.compliance_matter::<Trainings>(&may, id, after).await
}
