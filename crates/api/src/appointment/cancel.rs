use anamnesis_domain::appointment::{Appointment, AppointmentCommand, Cancellation};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Cancels an appointment; its time is free again.
#[utoipa::path(post, path = "/v1/appointments/{id}/cancel", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = Cancellation, responses(CommandAnswers))]
pub(crate) async fn cancel_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<Cancellation>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AppointmentCommand::Cancel { now, cancellation: body.value };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
