//! How is a request parsed? Strictly, with the wrong field named and its content never repeated.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Problem;
use super::objects::Objects;

/// A JSON body, with its bytes for the idempotency receipt.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(is_json);
        if !json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Not JSON",
                "send the body with Content-Type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|e| unread(&e))?;
        // an empty body asks for an operation without details
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|e| invalid(&e))?;
        deserializer.end().map_err(|_| Problem::bad_request("the body goes on after its JSON value"))?;
        Ok(Self { value, bytes })
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", "send at most 1 MiB")
    } else {
        Problem::bad_request("the body could not be read to its end")
    }
}

fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    if inner.is_syntax() || inner.is_eof() {
        return Problem::bad_request(format!("the body is not JSON: line {}, column {}", inner.line(), inner.column()));
    }
    let path = error.path().to_string();
    let path = if path == "." { "body".to_owned() } else { path };
    Problem::field(path, without_values(&inner.to_string()))
}

/// serde repeats a wrong value (`invalid type: string "…"`): say what was expected, not what was there.
fn without_values(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    match message.split_once(", expected ") {
        Some((_, expected)) if message.starts_with("invalid ") => format!("expected {expected}"),
        _ if message.starts_with("unknown field") => {
            message.split_once(", expected ").map_or_else(|| "unknown field".to_owned(), |(_, known)| format!("unknown field; known are {known}"))
        }
        _ if message.starts_with("unknown variant") => {
            message.split_once(", expected ").map_or_else(|| "unknown value".to_owned(), |(_, known)| format!("unknown value; known are {known}"))
        }
        _ if message.starts_with("UUID parsing failed") => "must be a UUID".to_owned(),
        _ if is_ours(message) => message.to_owned(),
        _ => "is not valid".to_owned(),
    }
}

/// Messages that hold no part of the input: our own value types' and serde's about structure.
fn is_ours(message: &str) -> bool {
    message.starts_with("must ") || message.starts_with("missing field") || message.starts_with("duplicate field")
}

/// The body of an operation that needs no details.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The id in a path.
pub(crate) struct PathId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id): Path<Uuid> = Path::from_request_parts(parts, state).await.map_err(|_| Problem::field("id", "must be a UUID"))?;
        Ok(Self(id))
    }
}

/// The query string's parameters; an unknown one is an error, not ignored.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let path = error.path().to_string();
            let message = error.inner().to_string();
            let named = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| message.strip_prefix(start));
            let named = named.and_then(|rest| rest.split('`').next()).map(str::to_owned);
            let field = named.unwrap_or(if path == "." { "query".to_owned() } else { path });
            Problem::field(field, without_values(&message))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn what_was_sent_is_not_repeated() {
        assert_eq!(without_values("invalid type: string \"Glover\", expected u32 at line 1 column 9"), "expected u32");
        assert_eq!(without_values("unknown field `Glover`, expected `name` at line 1 column 9"), "unknown field; known are `name`");
        assert_eq!(without_values("premature end of input Glover"), "is not valid");
        assert_eq!(without_values("must not be empty at line 1 column 9"), "must not be empty");
    }
}
