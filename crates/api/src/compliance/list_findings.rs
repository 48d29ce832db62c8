use anamnesis_domain::compliance::{FindingSeverity, FindingStatus, FindingType};
use anamnesis_projections::compliance::{FindingRow, Findings};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which findings: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingFilter {
    /// Whether it still has to be dealt with.
    #[param(inline)]
    status: Option<FindingStatus>,
    /// Of which kind.
    #[param(inline)]
    r#type: Option<FindingType>,
    /// How much it matters.
    #[param(inline)]
    severity: Option<FindingSeverity>,
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

/// Lists findings, the latest first.
#[utoipa::path(get, path = "/v1/compliance/findings", tag = "compliance", params(FindingFilter, After), responses(ListAnswers<FindingRow>))]
pub(crate) async fn list_findings(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<FindingFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<FindingRow>(order)?
        .is("status", filter.status)
        .is("finding_type", filter.r#type)
        .is("severity", filter.severity);
    app.list::<Findings, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}
