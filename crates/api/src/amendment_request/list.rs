use anamnesis_domain::patient::AmendmentStatus;
use anamnesis_domain::{Instant, PatientId, RecordId};
use anamnesis_projections::amendment_requests::{AmendmentRequestRow, AmendmentRequests};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which requests: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AmendmentRequestFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// About which record: its accepted amendments belong to it.
    #[param(inline)]
    record: Option<RecordId>,
    /// How it stands.
    #[param(inline)]
    status: Option<AmendmentStatus>,
    /// Due before this time: with `status=OPEN` and now, what is overdue.
    #[param(inline)]
    due_before: Option<Instant>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// Which come first; the oldest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists requests for amendment, the most urgent first.
#[utoipa::path(get, path = "/v1/amendment-requests", tag = "amendment requests", params(AmendmentRequestFilter, After),
    responses(ListAnswers<AmendmentRequestRow>))]
pub(crate) async fn list_amendment_requests(
    State(app): State<App>,
    may: May<may::ReadPatients>,
    after: After,
    Params(filter): Params<AmendmentRequestFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.amendment_requests);
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<AmendmentRequestRow>(order)?
        .is("record_id", filter.record)
        .is("status", filter.status)
        .before("due_at", filter.due_before);
    app.list::<AmendmentRequests, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
