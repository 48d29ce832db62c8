//! The operations on records.

mod amend;
mod archive;
mod attach_document;
mod complete_processing;
mod create;
mod detach_document;
mod fail_processing;
mod get;
mod list;
mod list_versions;
mod mark_entered_in_error;
mod restore;
mod sign;
mod start_processing;
mod summarize;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "records";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_records))
        .routes(routes!(get::get_record))
        .routes(routes!(create::create_record))
        .routes(routes!(start_processing::start_record_processing))
        .routes(routes!(complete_processing::complete_record_processing))
        .routes(routes!(fail_processing::fail_record_processing))
        .routes(routes!(amend::amend_record))
        .routes(routes!(sign::sign_record))
        .routes(routes!(list_versions::list_record_versions))
        .routes(routes!(summarize::summarize_record))
        .routes(routes!(attach_document::attach_document_to_record))
        .routes(routes!(detach_document::detach_document_from_record))
        .routes(routes!(archive::archive_record))
        .routes(routes!(restore::restore_record))
        .routes(routes!(mark_entered_in_error::mark_record_entered_in_error))
}
