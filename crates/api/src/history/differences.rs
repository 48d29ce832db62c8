use anamnesis_domain::PatientId;
use anamnesis_projector::history::{Difference, PatientRecord, differences};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{disclosure, must_be_there};
use crate::App;
use crate::edge::{After, AsOf, Disclosed, Disclosure, May, Params, PathId, Problem, QueryProblems, may};

/// Between which moments.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Between {
    /// The earlier moment: a position in the log or a time in RFC 3339.
    #[param(inline)]
    from: AsOf,
    /// The later moment; none: now.
    #[param(inline)]
    to: Option<AsOf>,
}

/// What became different.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The position of the earlier moment.
    from: u64,
    /// The position of the later moment.
    to: u64,
    /// Every value that is another, by its path in the patient's record: before and after.
    #[schema(value_type = Vec<Object>)]
    differences: Vec<Difference>,
}

/// Tells what of a patient's record is different at another moment, field by field.
#[utoipa::path(get, path = "/v1/patients/{id}/history/diff", tag = "history", params(("id" = uuid::Uuid, Path), Between, After),
    responses((status = 200, body = Changed), QueryProblems))]
pub(crate) async fn get_patient_history_diff(
    State(app): State<App>,
    may: May<may::ReadHistory>,
    PathId(id): PathId,
    after: After,
    Params(between): Params<Between>,
) -> Result<Disclosed<Changed>, Problem> {
    let patient = PatientId(id);
    must_be_there(&app, &may, patient).await?;
    let from = app.position_at(&may.call, "from", between.from.0).await?;
    let to = match between.to {
        Some(AsOf(moment)) => app.position_at(&may.call, "to", moment).await?,
        None => app.end(&may, None, after).await?,
    };
    if from > to {
        return Err(Problem::field("from", "must not be later than `to`"));
    }
    let events = app.history(&may).of_patient(id, to).await?;
    let earlier = events.partition_point(|event| event.position <= from);
    let record = |until: usize| PatientRecord::fold(&events[..until]);
    let differences = differences(&record(earlier)?.comparable(), &record(events.len())?.comparable());
    let disclosure = Disclosure { as_of_position: Some(to), ..disclosure(patient, "history/diff", differences.len()) };
    Ok(Disclosed::new(Changed { from, to, differences }, disclosure).at(to))
}
