use anamnesis_domain::appointment::{Appointment, AppointmentCommand, NewAppointment};
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Books an appointment; the time must be free for patient and provider.
#[utoipa::path(post, path = "/v1/appointments", tag = "appointments",
    request_body = NewAppointment, responses(CommandAnswers))]
pub(crate) async fn schedule_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    body: Body<NewAppointment>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Patient>(&may.call, "patient_id", body.value.patient_id).await?;
    app.known::<Provider>(&may.call, "provider_id", body.value.provider_id).await?;
    let command = AppointmentCommand::Schedule { now, appointment: Box::new(body.value) };
    app.create::<Appointment>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
