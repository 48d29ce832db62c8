use anamnesis_domain::appointment::{Appointment, AppointmentCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Confirms an appointment.
#[utoipa::path(post, path = "/v1/appointments/{id}/confirm", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn confirm_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AppointmentCommand::Confirm { now };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
