use anamnesis_domain::AccountId;
use anamnesis_domain::compliance::TrainingTopic;
use anamnesis_projections::compliance::{MatterStatus, TrainingRow, Trainings};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which trainings: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrainingFilter {
    /// Whose.
    #[param(inline)]
    account: Option<AccountId>,
    /// About what.
    #[param(inline)]
    topic: Option<TrainingTopic>,
    /// Whether it was so: `ACTIVE`, or `ENDED` if it was entered in error.
    #[param(value_type = Option<String>)]
    status: Option<MatterStatus>,
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

/// Lists trainings, the latest first.
#[utoipa::path(get, path = "/v1/compliance/trainings", tag = "compliance", params(TrainingFilter, After), responses(ListAnswers<TrainingRow>))]
pub(crate) async fn list_trainings(
    State(app): State<App>,
    may: May<may::ReadAudit>,
    after: After,
    Params(filter): Params<TrainingFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::newest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<TrainingRow>(order)?
        .is("account_id", filter.account)
        .is("topic", filter.topic)
        .is("status", filter.status);
    app.list::<Trainings, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}
