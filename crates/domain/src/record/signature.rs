//! What does a signature cover? The digest of everything that a version says.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256 as Hash};

use super::NewRecord;
use crate::Sha256;

impl NewRecord {
    /// The SHA-256 of what is written: a JSON object of the fields that say something, ordered by their names, with no space between them.
    ///
    /// Fields that are `null` or `[]` are left out, so that a record signed today has the same digest when records have more fields. What
    /// came as JSON (a FHIR resource) stands there byte for byte: another way to write a number is another digest.
    #[expect(clippy::missing_panics_doc, reason = "it can't panic: what an event is made of can be written as JSON")]
    pub fn digest(&self) -> Sha256 {
        let written = serde_json::to_string(self).expect("a record can be written as JSON, as its event is");
        let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(&written).expect("a record is written as an object");
        let told: BTreeMap<_, _> = fields.into_iter().filter(|(_, value)| !["null", "[]"].contains(&value.get())).collect();
        let bytes = serde_json::to_vec(&told).expect("what was read can be written");
        Sha256::from(<[u8; 32]>::from(Hash::digest(bytes)))
    }
}
