use anamnesis_domain::AppointmentId;
use anamnesis_domain::provider::{Provider, ProviderCommand, Stars};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// A rating.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateProviderBody {
    /// 1 to 5.
    stars: Stars,
    /// Of which appointment.
    appointment_id: Option<AppointmentId>,
}

/// Rates a provider.
#[utoipa::path(post, path = "/v1/providers/{id}/rate", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = RateProviderBody, responses(CommandAnswers))]
pub(crate) async fn rate_provider(
    State(app): State<App>,
    may: May<may::RateProviders>,
    PathId(id): PathId,
    body: Body<RateProviderBody>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::Rate { now, stars: body.value.stars, appointment_id: body.value.appointment_id };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
