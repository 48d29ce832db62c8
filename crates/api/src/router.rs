//! Which routes are there, and what wraps them?

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::edge::{Problem, authenticate, record_disclosures};
use crate::openapi::Frame;
use crate::{
    App, AppParts, account, amendment_request, appointment, audit, auth, compliance, consent, document, facility, health, history, insight, log,
    model, organization, patient, prediction, provider, record, stream,
};

/// The only paths that answer without a sign-in. A test compares this list with the routes.
pub const ANONYMOUS: &[&str] =
    &["/docs", "/health/live", "/health/ready", "/openapi.json", "/v1/auth/login", "/v1/log/checkpoint", "/v1/log/tile/{level}/{index}"];

/// The operations that need a sign-in.
fn protected() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(auth::logout::logout))
        .merge(account::routes())
        .merge(appointment::routes())
        .merge(audit::routes())
        .merge(amendment_request::routes())
        .merge(compliance::routes())
        .merge(consent::routes())
        .merge(facility::routes())
        .merge(history::routes())
        .merge(document::routes())
        .merge(insight::routes())
        .merge(log::routes())
        .merge(model::routes())
        .merge(organization::routes())
        .merge(patient::routes())
        .merge(prediction::routes())
        .merge(provider::routes())
        .merge(record::routes())
        .merge(stream::routes())
}

/// The operations that don't.
fn anonymous() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(auth::login::login)).routes(routes!(health::live)).routes(routes!(health::ready)).merge(log::anonymous())
}

/// Every operation, described.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Frame::openapi()).merge(protected()).merge(anonymous())
}

/// The whole edge. Every protected route is behind sign-in and the recording of disclosures; there is no second way to mount one.
pub fn router(parts: AppParts) -> Router {
    let app = App::new(parts);
    let (protected, _) = protected().split_for_parts();
    let (anonymous, _) = anonymous().split_for_parts();
    let document = crate::document();
    let protected = protected.layer(from_fn_with_state(app.clone(), record_disclosures)).layer(from_fn_with_state(app.clone(), authenticate));
    let timeout = Duration::from_millis(app.settings.request_timeout_ms);
    protected
        .merge(anonymous)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Not this method", "see /openapi.json")
        })
        .layer(DefaultBodyLimit::max(app.settings.max_body_bytes))
        .layer(from_fn_with_state(timeout, answer_in_time))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(from_fn(security_headers))
        .with_state(app)
}

/// Whoever waited in vain is told so like any other, and when to come again.
async fn answer_in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::unavailable("no answer was found in time; repeat the request with the same Idempotency-Key").into_response())
}

async fn security_headers(request: Request, next: Next) -> Response {
    use axum::http::{HeaderValue, header};
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
