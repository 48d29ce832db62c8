use anamnesis_domain::appointment::{Appointment, AppointmentCommand, NewVisit};
use anamnesis_domain::facility::Facility;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Writes down a visit of the past; it takes no time.
#[utoipa::path(post, path = "/v1/appointments/visits", tag = "appointments",
    request_body = NewVisit, responses(CommandAnswers))]
pub(crate) async fn record_visit(State(app): State<App>, may: May<may::ConductAppointments>, body: Body<NewVisit>) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Patient>(&may.call, "patient_id", [body.value.patient_id]).await?;
    app.known::<Provider>(&may.call, "provider_id", body.value.provider_id).await?;
    app.known::<Facility>(&may.call, "facility_id", body.value.facility_id).await?;
    let command = AppointmentCommand::RecordVisit { now, visit: Box::new(body.value) };
    app.create::<Appointment>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
