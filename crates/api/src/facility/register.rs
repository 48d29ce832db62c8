use anamnesis_domain::FacilityId;
use anamnesis_domain::facility::{Facility, FacilityCommand, FacilityDetails};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Registers a hospital, practice or department.
#[utoipa::path(post, path = "/v1/facilities", tag = "facilities",
    request_body = FacilityDetails, responses(CommandAnswers))]
pub(crate) async fn register_facility(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    body: Body<FacilityDetails>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Facility>(&may.call, "parent_id", body.value.parent_id).await?;
    let id = Uuid::now_v7();
    let command = FacilityCommand::Register { now, id: FacilityId(id), facility: body.value };
    app.create::<Facility>(COLLECTION, id, command, &may.call, &body.bytes).await
}
