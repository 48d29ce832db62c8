use anamnesis_domain::{AccountId, Instant, Line};
use anamnesis_projections::audit_logs::{AuditAction, AuditLogs, AuditRow};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which acts: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditFilter {
    /// Whose account did it.
    #[param(inline)]
    user: Option<AccountId>,
    /// What was done, as it is written in the answers: `CREATE`, `READ`, …
    #[param(value_type = Option<String>)]
    action: Option<AuditAction>,
    /// To what kind of thing: `patient`, `appointment`, …
    #[param(inline)]
    resource_type: Option<Line>,
    /// To which thing.
    resource: Option<Uuid>,
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

/// Lists who did what to what, the latest first.
#[utoipa::path(get, path = "/v1/audit/audit-logs", tag = "audit", params(AuditFilter, After), responses(ListAnswers<AuditRow>))]
pub(crate) async fn list_audit_logs(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<AuditFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<AuditRow>(order)?
        .is("user_id", filter.user)
        .is("action", filter.action)
        .is("resource_type", filter.resource_type)
        .is("resource_id", filter.resource)
        .from("created_at", filter.from)
        .before("created_at", filter.to);
    app.list::<AuditLogs, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}
