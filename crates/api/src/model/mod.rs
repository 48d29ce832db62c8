//! The operations on AI models.

mod activate;
mod find_prediction;
mod get;
mod list;
mod record_evaluation;
mod register;
mod register_version;
mod retire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "models";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_models))
        .routes(routes!(get::get_model))
        .routes(routes!(register::register_model))
        .routes(routes!(register_version::register_model_version))
        .routes(routes!(record_evaluation::record_model_evaluation))
        .routes(routes!(activate::activate_model))
        .routes(routes!(retire::retire_model))
        .routes(routes!(find_prediction::find_prediction))
}
