//! The sample beside each schema, and how an event is read from it.

use std::fs;
use std::path::{Path, PathBuf};

use anamnesis_domain::PayloadDecoder;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

pub(crate) fn sample(aggregate: &str, name: &str, version: u32) -> Value {
    let path = folder().join(aggregate).join(format!("{name}.v{version}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}: write a sample there that fills every field", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(crate) struct Json(pub(crate) Value);

impl PayloadDecoder for Json {
    type Error = serde_json::Error;

    fn decode<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.0)
    }
}
