use anamnesis_domain::PatientId;
use anamnesis_projector::history::{LogProof, Part, prove};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{disclosure, must_be_there};
use crate::App;
use crate::edge::{After, AsOf, Disclosed, Disclosure, Limit, May, Params, PathId, Problem, QueryProblems, may};

/// Of which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofFilter {
    /// Up to this moment: a position in the log or a time in RFC 3339.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// Of the event at this position only.
    position: Option<u64>,
    /// Later positions than this: `next` of the page before.
    #[serde(default)]
    after: u64,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
}

/// Events of a patient, each with the way from it to the log's signed head.
#[derive(Serialize, ToSchema)]
pub(crate) struct PatientProof {
    /// The signed head (`checkpoint`), and of each event the row, the entry, the leaf and the hashes up to the root.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    proof: LogProof,
    /// `after` of the next page; none: there is no more.
    next: Option<u64>,
}

/// Proves that a patient's events are in the log as they were written. Whoever has the log's key can check it alone.
#[utoipa::path(get, path = "/v1/patients/{id}/proof", tag = "history", params(("id" = uuid::Uuid, Path), ProofFilter, After),
    responses((status = 200, body = PatientProof), QueryProblems))]
pub(crate) async fn get_patient_proof(
    State(app): State<App>,
    may: May<may::ReadHistory>,
    PathId(id): PathId,
    after: After,
    Params(filter): Params<ProofFilter>,
) -> Result<Disclosed<PatientProof>, Problem> {
    let patient = PatientId(id);
    must_be_there(&app, &may, patient).await?;
    let end = app.end(&may, filter.as_of, after).await?;
    let limit = Limit::or_default(filter.limit);
    let (after, up_to) = filter.position.map_or((filter.after, end), |only| (only.saturating_sub(1), only.min(end)));
    let part = Part { after, up_to, aggregate: None, limit: limit + 1 };
    let mut entries = app.history(&may).entries_of_patient(id, &part).await?;
    if entries.is_empty() && filter.position.is_some() {
        return Err(Problem::field("position", "no event of this patient stands there"));
    }
    let is_more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().map_or(end, |entry| entry.position);
    let head =
        app.following.signed(last, app.after_wait()).await.ok_or_else(|| Problem::unavailable("the log's head isn't signed yet; try again"))?;
    let proof = prove(&app.log.tree(), &head, &entries).await?;
    let disclosure = Disclosure { as_of_position: filter.as_of.map(|_| end), ..disclosure(patient, "proof", entries.len()) };
    Ok(Disclosed::new(PatientProof { proof, next: is_more.then_some(last) }, disclosure).at(end))
}
