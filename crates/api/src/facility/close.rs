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
pub(crate) struct CloseFacilityBody {
    /// In words.
    reason: Option<Text>,
}

/// Closes a facility.
#[utoipa::path(post, path = "/v1/facilities/{id}/close", tag = "facilities", params(("id" = uuid::Uuid, Path)),
    request_body = CloseFacilityBody, responses(CommandAnswers))]
pub(crate) async fn close_facility(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<CloseFacilityBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = FacilityCommand::Close { now, reason: body.value.reason };
    app.act::<Facility>(COLLECTION, id, command, &may.call, &body.bytes).await
}
