use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::App;
use crate::edge::Problem;

/// Gives the newest signed head of the log: a C2SP checkpoint.
#[utoipa::path(get, path = "/v1/log/checkpoint", tag = "log", security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503, body = Problem)))]
pub(crate) async fn get_log_checkpoint(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let note = app.log.tree().newest_head().await?;
    let note = note.ok_or_else(|| Problem::unavailable("no head of the log is signed yet; try again"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], note))
}
