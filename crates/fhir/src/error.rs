//! What is wrong with an entry? The field and the reason, never what stands in it.

use std::fmt;

/// Why no command follows from an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryError {
    /// Which entry of the bundle, or which line of an NDJSON file: from 0.
    pub entry: usize,
    /// What it is, as far as that could be read.
    pub resource_type: Option<String>,
    /// The field, from the resource on: `component[1].valueQuantity.value`. Empty: the resource itself.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl std::error::Error for EntryError {}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, resource_type, path, reason } = self;
        write!(f, "entry {entry}")?;
        if let Some(resource_type) = resource_type {
            write!(f, " ({resource_type})")?;
        }
        if path.is_empty() { write!(f, ": {reason}") } else { write!(f, ", {path}: {reason}") }
    }
}

/// A field that isn't as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FieldError {
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl FieldError {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// The same, seen from further up: `inner` becomes `outer.inner`.
    pub(crate) fn under(mut self, outer: &str) -> Self {
        self.path = match (outer, self.path.as_str()) {
            (outer, "") => outer.to_owned(),
            ("", inner) => inner.to_owned(),
            (outer, inner) => format!("{outer}.{inner}"),
        };
        self
    }

    pub(crate) fn of(self, entry: usize, resource_type: Option<&str>) -> EntryError {
        EntryError { entry, resource_type: resource_type.map(str::to_owned), path: self.path, reason: self.reason }
    }
}

impl<E: Into<serde_json::Error>> From<serde_path_to_error::Error<E>> for FieldError {
    fn from(error: serde_path_to_error::Error<E>) -> Self {
        let path = error.path().to_string();
        let (field, reason) = reason(&error.into_inner().into());
        let path = if path == "." { String::new() } else { path };
        match field {
            Some(field) => Self::new(field, reason).under(&path),
            None => Self::new(path, reason),
        }
    }
}

/// The reason without the value, which serde quotes before the last "expected", and the field if it is a missing one.
fn reason(error: &serde_json::Error) -> (Option<String>, String) {
    if !error.is_data() {
        return (None, "must be JSON".to_owned());
    }
    let message = error.to_string();
    let message = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]);
    if let Some(field) = message.strip_prefix("missing field `") {
        return (Some(field.trim_end_matches('`').to_owned()), "must be given".to_owned());
    }
    if message.starts_with("must ") || message.starts_with("duplicate field ") {
        return (None, message.to_owned());
    }
    let expected = message.rfind(", expected ").map(|at| &message[at + ", expected ".len()..]);
    (None, expected.map_or_else(|| "must be of another form".to_owned(), |expected| format!("must be {}", what(expected))))
}

/// In our words: serde says it in Rust's.
fn what(expected: &str) -> String {
    match expected {
        "f64" => "a number".to_owned(),
        "u32" | "u64" | "i64" => "a whole number".to_owned(),
        "a sequence" => "a list".to_owned(),
        expected => expected.strip_prefix("struct ").map_or_else(|| expected.to_owned(), |name| format!("an object ({name})")),
    }
}
