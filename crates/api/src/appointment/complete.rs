use anamnesis_domain::appointment::{Appointment, AppointmentCommand, Outcome};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Ends an appointment with what came of it.
#[utoipa::path(post, path = "/v1/appointments/{id}/complete", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = Outcome, responses(CommandAnswers))]
pub(crate) async fn complete_appointment(
    State(app): State<App>,
    may: May<may::ConductAppointments>,
    PathId(id): PathId,
    body: Body<Outcome>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AppointmentCommand::Complete { now, outcome: body.value };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
