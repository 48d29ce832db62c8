use anamnesis_domain::appointment::{Appointment, AppointmentCommand, AppointmentType, DurationMinutes, Location, NewAppointment};
use anamnesis_domain::facility::Facility;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use anamnesis_domain::{FacilityId, PatientId, ProviderId, Text, TimeZone, WrittenTime};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{COLLECTION, time};
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// An appointment to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleAppointment {
    /// Who comes.
    patient_id: PatientId,
    /// To whom.
    provider_id: ProviderId,
    /// Where, as an institution.
    facility_id: Option<FacilityId>,
    /// What for.
    appointment_type: AppointmentType,
    /// When. Without an offset it is what the clocks in `time_zone` show; of two such moments the first, and none is refused.
    #[schema(value_type = String, examples("2026-01-31T09:30:00-05:00", "2026-01-31T09:30"))]
    scheduled_at: WrittenTime,
    /// How long; 30 minutes unless said otherwise.
    #[serde(default)]
    duration_minutes: DurationMinutes,
    /// The time zone in which people speak of it; UTC unless said otherwise.
    time_zone: Option<TimeZone>,
    /// Where, as a place.
    location: Option<Location>,
    /// Why.
    reason: Option<Text>,
}

impl ScheduleAppointment {
    fn appointment(self) -> Result<NewAppointment, Problem> {
        Ok(NewAppointment {
            patient_id: self.patient_id,
            provider_id: self.provider_id,
            facility_id: self.facility_id,
            appointment_type: self.appointment_type,
            scheduled_at: time::moment(self.scheduled_at, self.time_zone)?,
            duration_minutes: self.duration_minutes,
            time_zone: self.time_zone.unwrap_or_default(),
            location: self.location,
            reason: self.reason,
        })
    }
}

/// Books an appointment; the time must lie in the provider's hours, and be free for patient and provider.
#[utoipa::path(post, path = "/v1/appointments", tag = "appointments",
    request_body = ScheduleAppointment, responses(CommandAnswers))]
pub(crate) async fn schedule_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    body: Body<ScheduleAppointment>,
) -> Result<Accepted, Problem> {
    let (now, appointment) = (may.call.now, Box::new(body.value.appointment()?));
    app.known::<Patient>(&may.call, "patient_id", [appointment.patient_id]).await?;
    app.known::<Provider>(&may.call, "provider_id", [appointment.provider_id]).await?;
    app.known::<Facility>(&may.call, "facility_id", appointment.facility_id).await?;
    let command = AppointmentCommand::Schedule { now, appointment };
    app.create::<Appointment>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
