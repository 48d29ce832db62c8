use anamnesis_projections::organizations::{ORGANIZATIONS, OrganizationRow};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Cursor, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Shown, may};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrganizationFilter {
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists the organizations that the caller belongs to: one.
#[utoipa::path(get, path = "/v1/organizations", tag = "organizations", params(OrganizationFilter, After), responses(ListAnswers<OrganizationRow>))]
pub(crate) async fn list_organizations(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    after: After,
    Params(filter): Params<OrganizationFilter>,
) -> Result<Shown<Listed>, Problem> {
    let order = Order::oldest_first("created_at");
    let query = Paging { limit: filter.limit, cursor: filter.cursor }.query::<OrganizationRow>(order)?;
    app.list_entries::<OrganizationRow, _>(&may, &ORGANIZATIONS, (query, order), after).await
}
