use anamnesis_domain::access::{AccessAction, PurposeOfUse};
use anamnesis_domain::{AccountId, Instant, PatientId};
use anamnesis_projections::data_access_logs::{AccessOutcome, DataAccessLogs, DataAccessRow};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which accesses: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DataAccessFilter {
    /// Whose data.
    #[param(inline)]
    patient: Option<PatientId>,
    /// By whose account.
    #[param(inline)]
    user: Option<AccountId>,
    /// Whether the data was given: `GRANTED` or `DENIED`.
    #[param(value_type = Option<String>)]
    outcome: Option<AccessOutcome>,
    /// What was done to see it.
    #[param(inline)]
    action: Option<AccessAction>,
    /// Why it was lawful.
    #[param(inline)]
    purpose: Option<PurposeOfUse>,
    /// Not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// Earlier than this.
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

/// Lists accesses to patients' data, granted and denied, the latest first.
#[utoipa::path(get, path = "/v1/audit/data-access-logs", tag = "audit", params(DataAccessFilter, After), responses(ListAnswers<DataAccessRow>))]
pub(crate) async fn list_data_access_logs(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<DataAccessFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("access_timestamp"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<DataAccessRow>(order)?
        .is("user_id", filter.user)
        .is("outcome", filter.outcome)
        .is("action", filter.action)
        .is("purpose_of_access", filter.purpose)
        .from("access_timestamp", filter.from)
        .before("access_timestamp", filter.to);
    app.list::<DataAccessLogs, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: None } }).await
}
