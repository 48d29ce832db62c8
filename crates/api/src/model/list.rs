use anamnesis_domain::model::{ModelName, ModelStatus, ModelType};
use anamnesis_projections::models::{MODELS, ModelRow};
use anamnesis_projector::query::Order;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Cursor, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Shown, Sort, may};

/// Which models: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelFilter {
    /// Of that name, as it was registered.
    #[param(inline)]
    name: Option<ModelName>,
    /// Of which kind.
    #[param(inline)]
    r#type: Option<ModelType>,
    /// `ACTIVE`: with a version in use; else how its newest version stands that isn't retired, or `RETIRED`.
    #[param(inline)]
    status: Option<ModelStatus>,
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

/// Lists AI models, in the order of their registration.
#[utoipa::path(get, path = "/v1/models", tag = "models", params(ModelFilter, After), responses(ListAnswers<ModelRow>))]
pub(crate) async fn list_models(
    State(app): State<App>,
    may: May<may::ReadModels>,
    after: After,
    Params(filter): Params<ModelFilter>,
) -> Result<Shown<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::oldest_first("created_at"));
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<ModelRow>(order)?
        .is("name", filter.name)
        .is("model_type", filter.r#type)
        .is("status", filter.status);
    app.list_entries::<ModelRow, _>(&may, &MODELS, (query, order), after).await
}
