//! The operations on facilities.

mod change;
mod close;
mod get;
mod list;
mod register;
mod reopen;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "facilities";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_facilities))
        .routes(routes!(get::get_facility))
        .routes(routes!(register::register_facility))
        .routes(routes!(change::change_facility))
        .routes(routes!(close::close_facility))
        .routes(routes!(reopen::reopen_facility))
}
