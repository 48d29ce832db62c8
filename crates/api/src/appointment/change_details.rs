use anamnesis_domain::appointment::{Appointment, AppointmentCommand, AppointmentDetails};
use anamnesis_domain::facility::Facility;
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Puts right what an appointment is for, where and why; its time stays.
#[utoipa::path(post, path = "/v1/appointments/{id}/change-details", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = AppointmentDetails, responses(CommandAnswers))]
pub(crate) async fn change_appointment_details(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<AppointmentDetails>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Facility>(&may.call, "facility_id", body.value.facility_id).await?;
    let command = AppointmentCommand::ChangeDetails { now, details: body.value };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
