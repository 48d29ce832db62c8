use anamnesis_projections::insights::{InsightRow, Insights};
use axum::extract::State;

use super::end_if_over;
use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows a health insight.
#[utoipa::path(get, path = "/v1/insights/{id}", tag = "insights", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<InsightRow>))]
pub(crate) async fn get_insight(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    let is_now = as_of.is_none();
    let shown = app.show::<Insights, _>(&may, id, When { after, as_of }).await?;
    Ok(shown.map(|insight| {
        if is_now {
            end_if_over(insight, may.call.now);
        }
    }))
}
