//! The operations on organizations.

mod close;
mod get;
mod list;
mod rename;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "organizations";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_organizations))
        .routes(routes!(get::get_organization))
        .routes(routes!(rename::rename_organization))
        .routes(routes!(close::close_organization))
}
