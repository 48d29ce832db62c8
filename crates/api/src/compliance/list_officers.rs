use anamnesis_domain::compliance::Office;
use anamnesis_projections::compliance::{DesignationRow, Designations, MatterStatus};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which designations: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfficerFilter {
    /// Whether they are still: `ACTIVE` or `ENDED`.
    #[param(value_type = Option<String>)]
    status: Option<MatterStatus>,
    /// For what.
    #[param(inline)]
    office: Option<Office>,
    /// Which come first; the newest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists designations, the latest first.
#[utoipa::path(get, path = "/v1/compliance/officers", tag = "compliance", params(OfficerFilter, After), responses(ListAnswers<DesignationRow>))]
pub(crate) async fn list_officers(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<OfficerFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query =
        Paging { limit: filter.limit, cursor: filter.cursor }.query::<DesignationRow>(order)?.is("status", filter.status).is("office", filter.office);
    app.list::<Designations, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}
