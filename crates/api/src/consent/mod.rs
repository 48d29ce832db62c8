//! The operations on consents.

mod get;
mod grant;
mod list;
mod revoke;

use anamnesis_domain::Instant;
use anamnesis_projections::consents::ConsentStatus;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::edge::{Item, expire_if_over};

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "consents";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_consents))
        .routes(routes!(get::get_consent))
        .routes(routes!(grant::grant_consent))
        .routes(routes!(revoke::revoke_consent))
}

/// How a consent stands by the clock.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Standing {
    /// It holds.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// No event tells that a consent's time is over, so nobody writes it down: it is told here. The past is told as the log tells it.
fn end_if_over(item: &mut Item, now: Instant) {
    expire_if_over(item, &[ConsentStatus::Active], now);
}
