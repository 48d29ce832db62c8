use anamnesis_domain::provider::{Availability, Provider, ProviderCommand};
use axum::extract::State;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, PathId, Problem, may};

/// Says when a provider can be booked.
#[utoipa::path(post, path = "/v1/providers/{id}/set-availability", tag = "providers", params(("id" = uuid::Uuid, Path)),
    request_body = Availability, responses(CommandAnswers))]
pub(crate) async fn set_provider_availability(
    State(app): State<App>,
    may: May<may::WriteDirectory>,
    PathId(id): PathId,
    body: Body<Availability>,
) -> Result<Accepted, Problem> {
    let now = may.call.now;
    let command = ProviderCommand::SetAvailability { now, availability: body.value };
    app.act::<Provider>(COLLECTION, id, command, &may.call, &body.bytes).await
}
