//! The operations on consents.

mod get;
mod grant;
mod list;
mod revoke;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "consents";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_consents))
        .routes(routes!(get::get_consent))
        .routes(routes!(grant::grant_consent))
        .routes(routes!(revoke::revoke_consent))
}
