use anamnesis_domain::PatientId;
use anamnesis_domain::insight::{InsightFeedback, InsightStatus, InsightType};
use anamnesis_projections::insights::{InsightRow, Insights};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::end_if_over;
use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may};

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
    /// What was last said of it.
    #[param(inline)]
    feedback: Option<InsightFeedback>,
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

/// Lists health insights, in the order in which they were generated.
#[utoipa::path(get, path = "/v1/insights", tag = "insights", params(InsightFilter, After), responses(ListAnswers<InsightRow>))]
pub(crate) async fn list_insights(
    State(app): State<App>,
    may: May<may::ReadInsights>,
    after: After,
    Params(filter): Params<InsightFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.insights);
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<InsightRow>(order)?
        .is("insight_type", filter.r#type)
        .is("status", filter.status)
        .is("feedback", filter.feedback);
    let (is_now, now) = (filter.as_of.is_none(), may.call.now);
    let is_open = matches!(filter.status, Some(InsightStatus::Generated | InsightStatus::Reviewed));
    let query = query.not_over("expires_at", (is_now && is_open).then_some(now));
    let asked = Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } };
    let listed = app.list::<Insights, _>(&may, asked).await?;
    Ok(listed.map(|listed| {
        if is_now {
            listed.items.iter_mut().for_each(|insight| end_if_over(insight, now));
        }
    }))
}
