use anamnesis_domain::Text;
use anamnesis_domain::appointment::{Appointment, AppointmentCommand, NewVisit};
use anamnesis_domain::facility::Facility;
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What is known of a visit now.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectVisitBody {
    /// What happened, whole; the patient stays the same.
    visit: NewVisit,
    /// Why it is put right.
    reason: Option<Text>,
}

/// Puts right what is known of a visit of the past; what was written before stays in its history.
#[utoipa::path(post, path = "/v1/appointments/{id}/correct-visit", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = CorrectVisitBody, responses(CommandAnswers))]
pub(crate) async fn correct_visit(
    State(app): State<App>,
    may: May<may::ConductAppointments>,
    PathId(id): PathId,
    body: Body<CorrectVisitBody>,
) -> Result<Accepted, Problem> {
    let CorrectVisitBody { visit, reason } = body.value;
    app.known::<Provider>(&may.call, "visit.provider_id", visit.provider_id).await?;
    app.known::<Facility>(&may.call, "visit.facility_id", visit.facility_id).await?;
    let command = AppointmentCommand::CorrectVisit { now: may.call.now, visit: Box::new(visit), reason };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
