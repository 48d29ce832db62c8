use anamnesis_domain::appointment::{Appointment, AppointmentCommand, DurationMinutes, Location, NewTime};
use anamnesis_domain::provider::Provider;
use anamnesis_domain::{ProviderId, Text, TimeZone, WrittenTime};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{COLLECTION, time};
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Another time for an appointment, and another provider or place if they are given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RescheduleAppointment {
    /// When. Without an offset it is what the clocks in `time_zone` show, which must be given then.
    #[schema(value_type = String, examples("2026-01-31T09:30:00-05:00", "2026-01-31T09:30"))]
    scheduled_at: WrittenTime,
    /// How long; none: as long as before.
    duration_minutes: Option<DurationMinutes>,
    /// The time zone in which people speak of it; none: as before.
    time_zone: Option<TimeZone>,
    /// To whom; none: as before.
    provider_id: Option<ProviderId>,
    /// Where; none: as before.
    location: Option<Location>,
    /// Why it was moved.
    reason: Option<Text>,
}

impl RescheduleAppointment {
    fn time(self) -> Result<NewTime, Problem> {
        Ok(NewTime {
            scheduled_at: time::moment(self.scheduled_at, self.time_zone)?,
            duration_minutes: self.duration_minutes,
            time_zone: self.time_zone,
            provider_id: self.provider_id,
            location: self.location,
            reason: self.reason,
        })
    }
}

/// Moves an appointment, within the provider's hours; it may move over its own time.
#[utoipa::path(post, path = "/v1/appointments/{id}/reschedule", tag = "appointments", params(("id" = uuid::Uuid, Path)),
    request_body = RescheduleAppointment, responses(CommandAnswers))]
pub(crate) async fn reschedule_appointment(
    State(app): State<App>,
    may: May<may::WriteAppointments>,
    PathId(id): PathId,
    body: Body<RescheduleAppointment>,
) -> Result<Accepted, Problem> {
    let (now, time) = (may.call.now, Box::new(body.value.time()?));
    app.known::<Provider>(&may.call, "provider_id", time.provider_id).await?;
    app.act::<Appointment>(COLLECTION, id, AppointmentCommand::Reschedule { now, time }, &may.call, &body.bytes).await
}
