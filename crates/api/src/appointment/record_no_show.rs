use anamnesis_domain::appointment::{Appointment, AppointmentCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Nothing, PathId, Problem, may};

/// Says that the patient didn't come.
#[utoipa::path(post, path = "/v1/appointments/{id}/record-no-show", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = Nothing, responses(CommandAnswers))]
pub(crate) async fn record_appointment_no_show(
    State(app): State<App>,
    may: May<may::ConductAppointments>,
    PathId(id): PathId,
    body: Body<Nothing>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = AppointmentCommand::RecordNoShow { now };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
