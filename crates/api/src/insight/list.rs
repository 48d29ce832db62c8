use anamnesis_domain::PatientId;
use anamnesis_domain::insight::{InsightStatus, InsightType};
use anamnesis_projections::insights::{InsightRow, Insights};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, When, may};

/// Which insights: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InsightFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Of which kind.
    #[param(inline)]
    r#type: Option<InsightType>,
    /// How it stands.
    #[param(inline)]
    status: Option<InsightStatus>,
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

/// Lists health insights, in the order in which they were generated.
#[utoipa::path(get, path = "/v1/insights", tag = "insights", params(InsightFilter, After), responses(ListAnswers<InsightRow>))]
pub(crate) async fn list_insights(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    after: After,
    Params(filter): Params<InsightFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = ORDERS.insights;
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<InsightRow>(order)?
        .is("insight_type", filter.r#type)
        .is("status", filter.status);
    app.list::<Insights, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}
