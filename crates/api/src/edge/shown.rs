//! How is given what is no person's health data? Without a record of the access: the directory, the log.

use anamnesis_projections::kernel::{Row, Stamped};
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::page::etag;
use super::{Item, Listed, Problem};

/// An answer with its headers. Only what says nothing about a patient may be given so.
pub(crate) struct Shown<T> {
    answer: T,
    headers: HeaderMap,
}

impl<T> Shown<T> {
    pub(crate) fn new(answer: T) -> Self {
        Self { answer, headers: HeaderMap::new() }
    }

    /// Says which position the answer reflects.
    pub(crate) fn at(self, position: u64) -> Self {
        self.header("anamnesis-position", position.to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Ok(value) = HeaderValue::try_from(value.into()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

impl Shown<Item> {
    /// A row as it was at a position.
    pub(crate) fn row<R: Row>(row: &Stamped<R>, position: u64) -> Self {
        Self::new(row.json()).at(position).header("etag", etag(row.stamp.sequence))
    }
}

impl Shown<Listed> {
    /// The only one of a list, if it is there.
    pub(crate) fn only(self) -> Result<Shown<Item>, Problem> {
        let (answer, etag) = self.answer.only()?;
        Ok(Shown { answer, headers: self.headers }.header("etag", etag))
    }
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        (self.headers, Json(self.answer)).into_response()
    }
}
