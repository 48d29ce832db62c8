use anamnesis_journal::tree::TileId;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;

use crate::App;
use crate::edge::Problem;

/// Gives a tile of the log's hashes, at the path that C2SP tlog-tiles gives it. It never changes.
#[utoipa::path(get, path = "/v1/log/tile/{level}/{*index}", tag = "log", security(()),
    params(
        ("level" = u8, Path, description = "0: leaves"),
        ("index" = String, Path, description = "`x001/234`, or `000.p/7` for the first 7 hashes of a tile that isn't full")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = Problem)))]
pub(crate) async fn get_log_tile(State(app): State<App>, Path((level, index)): Path<(String, String)>) -> Result<impl IntoResponse, Problem> {
    let (id, width) = TileId::from_path(&format!("tile/{level}/{index}")).ok_or_else(Problem::not_found)?;
    let hashes = app.log.tree().tile(id, width).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], hashes))
}
