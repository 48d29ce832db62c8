//! The operations on insights.

mod act_on;
mod dismiss;
mod expire;
mod generate;
mod get;
mod list;
mod review;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "insights";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_insights))
        .routes(routes!(get::get_insight))
        .routes(routes!(generate::generate_insight))
        .routes(routes!(review::review_insight))
        .routes(routes!(act_on::act_on_insight))
        .routes(routes!(dismiss::dismiss_insight))
        .routes(routes!(expire::expire_insight))
}
