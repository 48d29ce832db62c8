use anamnesis_domain::PatientId;
use anamnesis_projector::history::{AGGREGATES, Part, Told};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{disclosure, must_be_there};
use crate::App;
use crate::edge::{After, AsOf, Disclosed, Disclosure, Limit, May, Params, PathId, Problem, QueryProblems, may};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineFilter {
    /// Later positions than this: `next` of the page before.
    #[serde(default)]
    after: u64,
    /// Of this aggregate only.
    #[param(inline)]
    aggregate: Option<Aggregate>,
    /// Up to this moment.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
}

/// One of the aggregates whose events tell of a patient, by its place in their list.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, examples("patient", "appointment", "record", "document", "insight", "prediction", "consent"))]
struct Aggregate(usize);

impl TryFrom<String> for Aggregate {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        AGGREGATES
            .iter()
            .position(|known| **known == name)
            .map(Self)
            .ok_or("must be patient, consent, appointment, record, document, insight or prediction")
    }
}

/// What happened to a patient, in order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// The events: each with its place, who asked for it and what it says (`data`; null and `erased` when its key is gone).
    #[schema(value_type = Vec<Object>)]
    items: Vec<Told>,
    /// `after` of the next page; none: there is no more.
    next: Option<u64>,
}

/// Tells what happened to a patient, event by event.
#[utoipa::path(get, path = "/v1/patients/{id}/history", tag = "history", params(("id" = uuid::Uuid, Path), TimelineFilter, After),
    responses((status = 200, body = Timeline), QueryProblems))]
pub(crate) async fn get_patient_history(
    State(app): State<App>,
    may: May<may::ReadHistory>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<TimelineFilter>,
) -> Result<Disclosed<Timeline>, Problem> {
    let patient = PatientId(id);
    must_be_there(&app, &may, patient).await?;
    let up_to = app.end(&may, filter.as_of, after).await?;
    let limit = Limit::or_default(filter.limit);
    let part = Part { after: filter.after, up_to, aggregate: filter.aggregate.map(|Aggregate(place)| AGGREGATES[place]), limit: limit + 1 };
    let mut events = app.history(&may).page_of_patient(id, &part).await?;
    let is_more = events.len() > limit;
    events.truncate(limit);
    let timeline = Timeline { next: events.last().filter(|_| is_more).map(|event| event.position), items: events.iter().map(Told::of).collect() };
    let disclosure = Disclosure { as_of_position: filter.as_of.map(|_| up_to), ..disclosure(patient, "history", events.len()) };
    Ok(Disclosed::new(timeline, disclosure).at(up_to))
}
