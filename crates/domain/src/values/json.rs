//! How is JSON of others' making kept? Byte for byte, so that nothing of it is lost.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::InvalidValue;
use crate::redact::redacted;

/// The most bytes one JSON text may have.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const TOO_LONG: InvalidValue = InvalidValue("must be at most 4 MiB of JSON");

/// A JSON text, kept as it came (spaces inside, order and digits included), at most 4 MiB. In JSON it stands as itself, in Avro as a string.
///
/// Its bytes are kept only by a reader of JSON text; one that reads a `serde_json::Value` or a flattened field has lost them before.
/// It may hold line breaks: who writes one JSON value a line replaces them in the finished line by spaces, which changes no value.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = serde_json::Value))]
pub struct JsonText(String);

redacted!(JsonText);

impl JsonText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JsonText {
    type Error = InvalidValue;

    fn try_from(json: String) -> Result<Self, InvalidValue> {
        if json.len() > MAX_BYTES {
            return Err(TOO_LONG);
        }
        // through `RawValue`, so that the spaces around it go as they do when it is read inside other JSON
        match serde_json::from_str::<Box<RawValue>>(&json) {
            Ok(raw) => Ok(Self(raw.get().to_owned())),
            Err(_) => Err(InvalidValue("must be JSON")),
        }
    }
}

impl TryFrom<&str> for JsonText {
    type Error = InvalidValue;

    fn try_from(json: &str) -> Result<Self, InvalidValue> {
        Self::try_from(json.to_owned())
    }
}

impl From<JsonText> for String {
    fn from(json: JsonText) -> Self {
        json.0
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serde_json::from_str::<&RawValue>(&self.0).map_err(ser::Error::custom)?.serialize(serializer)
        } else {
            serializer.serialize_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom);
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().len() > MAX_BYTES { Err(de::Error::custom(TOO_LONG)) } else { Ok(Self(raw.get().to_owned())) }
    }
}
