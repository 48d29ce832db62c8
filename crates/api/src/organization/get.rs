use anamnesis_projections::organizations::{ORGANIZATIONS, OrganizationRow};
use axum::extract::State;

use crate::App;
use crate::edge::{After, Item, May, NoParams, Params, PathId, Problem, RowAnswers, Shown, may};

/// Shows the caller's organization; another isn't there.
#[utoipa::path(get, path = "/v1/organizations/{id}", tag = "organizations", params(("id" = uuid::Uuid, Path), After),
    responses(RowAnswers<OrganizationRow>))]
pub(crate) async fn get_organization(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    PathId(id): PathId,
    after: After,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Shown<Item>, Problem> {
    app.show_entry::<OrganizationRow, _>(&may, &ORGANIZATIONS, id, after).await
}
