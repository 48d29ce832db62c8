use anamnesis_projections::accounts::UserRow;
use anamnesis_projector::query::Order;
use axum::extract::State;

use crate::App;
use crate::edge::{After, Disclosed, Item, May, NoParams, Params, PathId, Problem, RowAnswers, by_id, may};

/// Shows an account, with its profile and its roles.
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = uuid::Uuid, Path), After), responses(RowAnswers<UserRow>))]
pub(crate) async fn get_account(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.accounts(&may, (by_id::<UserRow>(id), Order::oldest_first("created_at")), after, Some(id)).await?.only()
}
