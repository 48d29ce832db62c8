use anamnesis_domain::appointment::{Appointment, AppointmentCommand, NewTime};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Moves an appointment; it may move over its own time.
#[utoipa::path(post, path = "/v1/appointments/{id}/reschedule", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = NewTime, responses(CommandAnswers))]
pub(crate) async fn reschedule_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<NewTime>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AppointmentCommand::Reschedule { now, time: Box::new(body.value) };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
