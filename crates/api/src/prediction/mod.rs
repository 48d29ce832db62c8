//! The operations on what models predict of patients.

mod get;
mod list;
mod log;
mod record_outcome;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "predictions";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_predictions))
        .routes(routes!(get::get_prediction))
        .routes(routes!(log::log_prediction))
        .routes(routes!(record_outcome::record_prediction_outcome))
}
