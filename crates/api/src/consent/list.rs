use anamnesis_domain::{FacilityId, PatientId, ProviderId};
use anamnesis_projections::consents::{ConsentRow, ConsentStatus, Consents};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Standing, end_if_over};
use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

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
    /// How it stands; with `as_of`, one whose time was over is still active.
    #[param(inline)]
    status: Option<Standing>,
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

/// Lists consents, in the order in which they were granted.
#[utoipa::path(get, path = "/v1/consents", tag = "consents", params(ConsentFilter, After), responses(ListAnswers<ConsentRow>))]
pub(crate) async fn list_consents(
    State(app): State<App>,
    may: May<may::ReadConsents>,
    after: After,
    Params(filter): Params<ConsentFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.consents);
    let (is_now, now) = (filter.as_of.is_none(), may.call.now);
    let (stored, not_over_at, over_at) = match filter.status {
        None => (None, None, None),
        Some(Standing::Revoked) => (Some(ConsentStatus::Revoked), None, None),
        Some(Standing::Active) => (Some(ConsentStatus::Active), is_now.then_some(now), None),
        Some(Standing::Expired) if is_now => (Some(ConsentStatus::Active), None, Some(now)),
        Some(Standing::Expired) => {
            return Err(Problem::field("status", "no consent is told as expired with `as_of`: ask for `ACTIVE` and look at `expires_at`"));
        }
    };
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<ConsentRow>(order)?
        .is("grantee_provider_id", filter.provider)
        .is("grantee_facility_id", filter.facility)
        .is("status", stored)
        .not_over("expires_at", not_over_at)
        .over("expires_at", over_at);
    let asked = Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } };
    let listed = app.list::<Consents, _>(&may, asked).await?;
    Ok(listed.map(|listed| {
        if is_now {
            listed.items.iter_mut().for_each(|consent| end_if_over(consent, now));
        }
    }))
}
