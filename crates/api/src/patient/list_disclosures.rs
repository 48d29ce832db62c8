use anamnesis_domain::{Instant, PatientId, RecordId};
use anamnesis_projections::data_access_logs::{AccessOutcome, DataAccessRow};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, PathId, Problem, Sort, When, may};

/// Which part of the accounting: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DisclosureFilter {
    /// Who may have that record: who was shown it, or anything of the patient that wasn't asked for by an id of its own, as lists
    /// are. With `outcome=GRANTED` and `to` the time of an amendment, those to tell of it (45 CFR 164.526(c)(3)).
    #[param(inline)]
    record: Option<RecordId>,
    /// Whether the data was given: `GRANTED` or `DENIED`.
    #[param(value_type = Option<String>)]
    outcome: Option<AccessOutcome>,
    /// Before this time.
    #[param(inline)]
    to: Option<Instant>,
    /// As it was then.
    #[param(inline)]
    as_of: Option<AsOf>,
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

/// Lists who has looked at a patient's data and why, the latest first (45 CFR 164.528). To look at this is an access too.
#[utoipa::path(get, path = "/v1/patients/{id}/disclosures", tag = "patients", params(("id" = uuid::Uuid, Path), DisclosureFilter, After),
    responses(ListAnswers<DataAccessRow>))]
pub(crate) async fn list_patient_disclosures(
    State(app): State<App>,
    may: May<may::ReadDisclosures>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<DisclosureFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("access_timestamp"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<DataAccessRow>(order)?
        .is_or_none("resource_id", filter.record)
        .is("outcome", filter.outcome)
        .before("access_timestamp", filter.to);
    let asked = Asked { query, order, patient: Some(PatientId(id)), when: When { after, as_of: filter.as_of } };
    app.disclosures(&may, PatientId(id), asked).await
}
