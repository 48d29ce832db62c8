use anamnesis_domain::PatientId;
use anamnesis_projections::compliance::{HeldPatientRow, LegalHoldRow, LegalHolds, MatterStatus};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which legal holds: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LegalHoldFilter {
    /// Whether it still holds: `ACTIVE` or `ENDED`.
    #[param(value_type = Option<String>)]
    status: Option<MatterStatus>,
    /// Which covers that patient.
    #[param(inline)]
    patient: Option<PatientId>,
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

/// Lists legal holds, the latest first.
#[utoipa::path(get, path = "/v1/compliance/legal-holds", tag = "compliance", params(LegalHoldFilter, After), responses(ListAnswers<LegalHoldRow>))]
pub(crate) async fn list_legal_holds(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<LegalHoldFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<LegalHoldRow>(order)?
        .is("status", filter.status)
        .linked::<HeldPatientRow>("patient_ids", filter.patient);
    let listed = app.list::<LegalHolds, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await?;
    Ok(listed.and_of(filter.patient))
}
