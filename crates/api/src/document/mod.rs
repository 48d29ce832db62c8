//! The operations on documents.

mod complete_processing;
mod fail_processing;
mod get;
mod list;
mod register;
mod remove;
mod start_processing;
mod supersede;
mod verify_checksum;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "documents";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_documents))
        .routes(routes!(get::get_document))
        .routes(routes!(register::register_document))
        .routes(routes!(verify_checksum::verify_document_checksum))
        .routes(routes!(start_processing::start_document_processing))
        .routes(routes!(complete_processing::complete_document_processing))
        .routes(routes!(fail_processing::fail_document_processing))
        .routes(routes!(supersede::supersede_document))
        .routes(routes!(remove::remove_document))
}
