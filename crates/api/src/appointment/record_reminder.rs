use anamnesis_domain::appointment::{Appointment, AppointmentCommand, Reminder};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// What the patient was told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordReminderBody {
    /// Which of the things that a patient is told once.
    reminder: Reminder,
}

/// Notes that the patient was told of an appointment: each thing once, until it is moved.
#[utoipa::path(post, path = "/v1/appointments/{id}/record-reminder", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = RecordReminderBody, responses(CommandAnswers))]
pub(crate) async fn record_appointment_reminder(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<RecordReminderBody>,
) -> Result<Accepted, Problem> {
    let command = AppointmentCommand::RecordReminder { now: may.call.now, reminder: body.value.reminder };
    app.act::<Appointment>(COLLECTION, id, command, &may.call, &body.bytes).await
}
