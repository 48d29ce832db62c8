//! How does a caller learn what went wrong? By an RFC 9457 problem document that names the field and never what was in it.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A problem document (RFC 9457). `type` is stable; `detail` is for people.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is: `urn:anamnesis:problem:<name>`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened here and what to do.
    detail: String,
    /// The rule that said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// A field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct FieldError {
    /// Its path in the body (`patient.name.family`) or the parameter's name.
    field: String,
    /// What it should be.
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, name: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:anamnesis:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            rule: None,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// A field that can't be understood (422), or a body that is no JSON at all (400).
    pub(crate) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let (field, detail) = (field.into(), detail.into());
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "A field is invalid", format!("{field}: {detail}"));
        problem.errors.push(FieldError { field, detail });
        problem
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request can't be understood", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first", "send a valid bearer token; POST /v1/auth/login gives one")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", "your roles don't allow this operation")
    }

    /// Not there and not allowed to be seen look the same.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", "there is nothing here that you may see")
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail);
        problem.retry_after_s = Some(1);
        problem
    }

    /// Asked for more often than is allowed.
    pub(crate) fn too_many(again_in: Duration) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", "wait as long as Retry-After says");
        problem.retry_after_s = u32::try_from(again_in.as_secs()).ok();
        problem
    }

    /// Our fault: logged where it is found, and nothing of it revealed.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is broken here",
            "nothing was released; the operator can find the cause under this request's id",
        )
    }

    /// A field that can't be understood, where that is the request's fault as a whole: 400.
    pub(crate) fn malformed(self) -> Self {
        if self.status == StatusCode::UNPROCESSABLE_ENTITY.as_u16() { Self { status: StatusCode::BAD_REQUEST.as_u16(), ..self } } else { self }
    }

    /// Names the field that it is about, if it is about one.
    pub(crate) fn about(mut self, field: Option<&'static str>) -> Self {
        self.errors.extend(field.map(|field| FieldError { field: field.to_owned(), detail: self.detail.clone() }));
        self
    }

    pub(crate) fn with_rule(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_s.map(HeaderValue::from);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
