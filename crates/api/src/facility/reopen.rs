use anamnesis_domain::Text;
use anamnesis_domain::facility::{Facility, FacilityCommand};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReopenFacilityBody {
    /// In words.
    reason: Option<Text>,
}

/// Opens a closed facility again, as it was.
#[utoipa::path(post, path = "/v1/facilities/{id}/reopen", tag = "facilities", params(("id" = uuid::Uuid, Path)),
    request_body = ReopenFacilityBody, responses(CommandAnswers))]
pub(crate) async fn reopen_facility(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<ReopenFacilityBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = FacilityCommand::Reopen { now, reason: body.value.reason };
    app.act::<Facility>(COLLECTION, id, command, &may.call, &body.bytes).await
}
