use anamnesis_domain::facility::FacilityKind;
use anamnesis_domain::{FacilityId, Line};
use anamnesis_projections::facilities::{FACILITIES, FacilityRow, FacilityStatus};
use anamnesis_projections::normal;
use anamnesis_projections::words::Kind;
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Cursor, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Shown, Sort, may, name_words};

/// Which facilities: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FacilityFilter {
    /// Words of the name, whole and in any case.
    #[param(inline)]
    name: Option<Line>,
    /// Any number of theirs.
    #[param(inline)]
    identifier: Option<Line>,
    /// Of which kind.
    #[param(inline)]
    kind: Option<FacilityKind>,
    /// Part of which facility.
    #[param(inline)]
    parent: Option<FacilityId>,
    /// Whether it is at work: `OPEN` or `CLOSED`.
    #[param(value_type = Option<String>)]
    status: Option<FacilityStatus>,
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

/// Lists facilities, in the order of their registration.
#[utoipa::path(get, path = "/v1/facilities", tag = "facilities", params(FacilityFilter, After), responses(ListAnswers<FacilityRow>))]
pub(crate) async fn list_facilities(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    after: After,
    Params(filter): Params<FacilityFilter>,
) -> Result<Shown<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::oldest_first("created_at"));
    let words = name_words(filter.name.as_ref())?;
    let words = words.into_iter().map(|word| (Kind::Name, word));
    let identifier = filter.identifier.map(|one| (Kind::Identifier, normal::identifier(one.as_str())));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<FacilityRow>(order)?
        .is("kind", filter.kind)
        .is("parent_id", filter.parent)
        .is("status", filter.status)
        .worded(app.tokens::<FacilityRow, _>(&may, words.chain(identifier)).await?);
    app.list_entries::<FacilityRow, _>(&may, &FACILITIES, (query, order), after).await
}
