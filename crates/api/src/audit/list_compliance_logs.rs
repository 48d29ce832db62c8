use anamnesis_domain::Instant;
use anamnesis_projections::compliance_logs::{ComplianceLogs, ComplianceRow, HipaaCategory, Severity};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which acts: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ComplianceFilter {
    /// How much it matters: `INFO`, `WARNING` or `CRITICAL`.
    #[param(value_type = Option<String>)]
    severity: Option<Severity>,
    /// Which part of HIPAA's rules: `ADMINISTRATIVE`, `TECHNICAL` or `PRIVACY`.
    #[param(value_type = Option<String>)]
    category: Option<HipaaCategory>,
    /// Logged not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// Logged earlier than this.
    #[param(inline)]
    to: Option<Instant>,
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

/// Lists the acts that matter to those who answer for HIPAA, the latest first.
#[utoipa::path(get, path = "/v1/audit/compliance-logs", tag = "audit", params(ComplianceFilter, After), responses(ListAnswers<ComplianceRow>))]
pub(crate) async fn list_compliance_logs(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<ComplianceFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<ComplianceRow>(order)?
        .is("severity", filter.severity)
        .is("hipaa_category", filter.category)
        .from("created_at", filter.from)
        .before("created_at", filter.to);
    app.list::<ComplianceLogs, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}
