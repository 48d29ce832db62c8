//! The log itself, for whoever checks it: signed heads, hashes and proofs (C2SP tlog-tiles). No entries: these show who has
//! how many events.

pub(crate) mod checkpoint;
mod prove_consistency;
mod prove_inclusion;
pub(crate) mod tile;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::edge::Problem;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(prove_inclusion::prove_log_inclusion)).routes(routes!(prove_consistency::prove_log_consistency))
}

/// What anybody may have.
pub(crate) fn anonymous() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(checkpoint::get_log_checkpoint)).routes(routes!(tile::get_log_tile))
}

/// Where the log ends.
async fn end(app: &App) -> Result<u64, Problem> {
    Ok(app.log.head().await?.position)
}
