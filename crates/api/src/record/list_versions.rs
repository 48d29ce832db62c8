use anamnesis_domain::Recorded;
use anamnesis_projections::kernel::{FoldError, Past, Stamped};
use anamnesis_projections::records::{RecordRow, Records};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Disclosed, Limit, ListAnswers, Listed, May, Params, PathId, Problem, When, may};

/// Which versions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionFilter {
    /// Later versions than this: `next` of the page before.
    #[serde(default)]
    after: u16,
    /// As it was then.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
}

/// Lists every version of a medical record, the first one first: each as it was last, before the next one took its place.
#[utoipa::path(get, path = "/v1/records/{id}/versions", tag = "records", params(("id" = uuid::Uuid, Path), VersionFilter, After),
    responses(ListAnswers<RecordRow>))]
pub(crate) async fn list_record_versions(
    State(app): State<App>,
    may: May<may::ReadRecords>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<VersionFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let past = app.past_of::<Records, _>(&may, id, When { after, as_of: filter.as_of }).await?;
    let limit = Limit::or_default(filter.limit);
    let mut versions = versions(&past.events, filter.after, limit + 1)?;
    let is_more = versions.len() > limit;
    versions.truncate(limit);
    let next = versions.last().filter(|_| is_more).map(|last| last.row.version.to_string());
    Ok(past.shown::<Records>(versions, next))
}

/// A record's rows just before each amendment, and in the end: at most so many of the versions after that one.
fn versions(events: &[Recorded], after: u16, limit: usize) -> Result<Vec<Stamped<RecordRow>>, FoldError> {
    let (mut past, mut versions) = (Past::<Records>::default(), Vec::new());
    for version in events.chunk_by(|_, next| next.event_type != "RecordAmended") {
        past.fold(version)?;
        versions.extend(past.rows().filter(|row| row.row.version > after.into()).cloned());
        if versions.len() == limit {
            break;
        }
    }
    Ok(versions)
}
