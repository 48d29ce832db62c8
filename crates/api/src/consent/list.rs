use anamnesis_domain::{FacilityId, PatientId, ProviderId};
use anamnesis_projections::consents::{ConsentRow, ConsentStatus, Consents};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, When, may};

/// Which consents: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsentFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Given to which provider.
    #[param(inline)]
    provider: Option<ProviderId>,
    /// Given to which facility.
    #[param(inline)]
    facility: Option<FacilityId>,
    /// Whether it was taken back: `ACTIVE` or `REVOKED`. (One that has expired is still active here.)
    #[param(value_type = Option<String>)]
    status: Option<ConsentStatus>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists consents, in the order in which they were granted.
#[utoipa::path(get, path = "/v1/consents", tag = "consents", params(ConsentFilter, After), responses(ListAnswers<ConsentRow>))]
pub(crate) async fn list_consents(
    State(app): State<App>,
    may: May<may::ReadConsents>,
    after: After,
    Params(filter): Params<ConsentFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = ORDERS.consents;
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<ConsentRow>(order)?
        .is("grantee_provider_id", filter.provider)
        .is("grantee_facility_id", filter.facility)
        .is("status", filter.status);
    app.list::<Consents, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
