//! What happens, as it happens: the events of one topic, for who may see them, now and from now on.
//!
//! A stream is read from the log, page by page, each only when the client has taken the one before. For every page it is
//! asked anew whether the session is open, what its roles reach and who consents; then what the page shows is recorded;
//! then it is given.

mod body;
mod consents;
mod format;
mod open;
mod page;
mod read;
mod rights;
mod start;

pub use open::{StreamSettings, Streams};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read::read_stream))
}
