use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// This process answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Live {
    /// `live`.
    status: &'static str,
}

/// Says that the process answers, and nothing about what it depends on.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200, body = Live)))]
pub(crate) async fn live() -> (StatusCode, Json<Live>) {
    (StatusCode::OK, Json(Live { status: "live" }))
}
