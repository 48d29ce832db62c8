use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;

use crate::App;
use crate::edge::{Call, Problem, of_access};

/// Ends the session; ending it twice is not a mistake.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth", responses((status = 204), (status = 401, body = Problem)))]
pub(crate) async fn logout(State(app): State<App>, Extension(call): Extension<Call>) -> Result<StatusCode, Problem> {
    app.access.sign_out(&call.actor, &call.caller(&[])).await.map_err(|error| of_access(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
