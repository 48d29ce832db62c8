use anamnesis_domain::FacilityId;
use anamnesis_domain::facility::{Facility, FacilityCommand, FacilityDetails};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Replaces what is known of a facility.
#[utoipa::path(post, path = "/v1/facilities/{id}/change", tag = "facilities", params(("id" = uuid::Uuid, Path)),
    request_body = FacilityDetails, responses(CommandAnswers))]
pub(crate) async fn change_facility(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<FacilityDetails>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Facility>(&may.call, "parent_id", body.value.parent_id).await?;
    let command = FacilityCommand::Change { now, id: FacilityId(id), facility: body.value };
    app.act::<Facility>(COLLECTION, id, command, &may.call, &body.bytes).await
}
