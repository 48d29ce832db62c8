use anamnesis_domain::model::ModelVersion;
use anamnesis_domain::{Instant, ModelId, PatientId};
use anamnesis_projections::predictions::{PredictionRow, Predictions};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

/// Which predictions: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PredictionFilter {
    /// Of whom.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Of which model.
    #[param(inline)]
    model: Option<ModelId>,
    /// Of which version of it.
    #[param(inline)]
    version: Option<ModelVersion>,
    /// Whether it was right.
    #[param(inline)]
    was_right: Option<bool>,
    /// Logged then or later.
    #[param(inline)]
    from: Option<Instant>,
    /// Logged before.
    #[param(inline)]
    to: Option<Instant>,
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

/// Lists predictions, in the order in which they were logged.
#[utoipa::path(get, path = "/v1/predictions", tag = "predictions", params(PredictionFilter, After), responses(ListAnswers<PredictionRow>))]
pub(crate) async fn list_predictions(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    after: After,
    Params(filter): Params<PredictionFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.predictions);
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<PredictionRow>(order)?
        .is("model_id", filter.model)
        .is("model_version", filter.version)
        .is("was_right", filter.was_right)
        .from("prediction_timestamp", filter.from)
        .before("prediction_timestamp", filter.to);
    app.list::<Predictions, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
