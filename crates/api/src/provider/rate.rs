use anamnesis_domain::AppointmentId;
use anamnesis_domain::appointment::{Appointment, AppointmentStatus};
use anamnesis_domain::provider::{Provider, ProviderCommand, Stars};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may, of_command};

/// A rating.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateProviderBody {
    /// 1 to 5.
    stars: Stars,
    /// Of which appointment: the caller's own, with this provider, and completed.
    appointment_id: AppointmentId,
}

/// Rates a provider whom the caller has seen.
#[utoipa::path(post, path = "/v1/providers/{id}/rate", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = RateProviderBody, responses(CommandAnswers))]
pub(crate) async fn rate_provider(
    State(app): State<App>,
    may: May<may::RateProviders>,
    PathId(id): PathId,
    body: Body<RateProviderBody>,
) -> Result<Accepted, Problem> {
    let RateProviderBody { stars, appointment_id } = body.value;
    if !app.has_been_seen(&may, id, appointment_id).await? {
        return Err(Problem::field("appointment_id", "must be a completed appointment of yours with this provider"));
    }
    let command = ProviderCommand::Rate { now: may.call.now, stars, appointment_id: Some(appointment_id) };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}

impl App {
    /// What isn't there, and what isn't the caller's, looks like what hasn't happened.
    async fn has_been_seen(&self, may: &May<may::RateProviders>, provider: Uuid, appointment: AppointmentId) -> Result<bool, Problem> {
        let organization = may.call.actor.organization_id;
        let loaded = self.journal.load::<Appointment>(organization, appointment.0).await.map_err(of_command)?;
        let Some((Appointment::Booked { appointment, status: AppointmentStatus::Completed, .. }, _)) = loaded else { return Ok(false) };
        Ok(may.scope.covers(appointment.patient_id) && appointment.provider_id.0 == provider)
    }
}
