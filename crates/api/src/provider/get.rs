use anamnesis_projections::providers::ProviderRow;
use anamnesis_projector::query::Order;
use axum::extract::State;

use crate::App;
use crate::edge::{After, Item, May, NoParams, Params, PathId, Problem, RowAnswers, Shown, by_id, may};

/// Shows a provider, with where they work.
#[utoipa::path(get, path = "/v1/providers/{id}", tag = "providers", params(("id" = uuid::Uuid, Path), After), responses(RowAnswers<ProviderRow>))]
pub(crate) async fn get_provider(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Shown<Item>, Problem> {
    app.providers(&may, (by_id::<ProviderRow>(id), Order::oldest_first("created_at")), after).await?.only()
}
