//! How is JSON of others' making kept? Byte for byte, so that nothing of it is lost.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::InvalidValue;
use crate::redact::redacted;

/// The most bytes one JSON text may have.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A JSON text, kept as it came (spaces inside, order and digits included), at most 4 MiB. In JSON it stands as itself, in Avro as a string.
///
/// Its bytes are kept only by a reader of JSON text; one that reads a `serde_json::Value` or a flattened field has lost its spaces and order before.
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

    fn checked(json: &str) -> Result<Self, InvalidValue> {
        if json.len() > MAX_BYTES {
            return Err(InvalidValue("must be at most 4 MiB of JSON"));
        }
        match serde_json::from_str::<Readable>(json) {
            Ok(Readable) => Ok(Self(json.to_owned())),
            Err(_) => Err(InvalidValue("must be JSON, nested at most 127 deep, with numbers that a double can hold")),
        }
    }
}

impl TryFrom<String> for JsonText {
    type Error = InvalidValue;

    fn try_from(json: String) -> Result<Self, InvalidValue> {
        Self::checked(json.trim_matches([' ', '\t', '\n', '\r']))
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
        Self::checked(Box::<RawValue>::deserialize(deserializer)?.get()).map_err(de::Error::custom)
    }
}

/// What serde_json's names of its own begin with, and the one that it gives numbers under. Read into a `serde_json::Value`, an object with such
/// a name isn't an object.
const PRIVATE: &str = "$serde_json::private::";
const NUMBER: &str = "$serde_json::private::Number";

/// JSON that every later reader can read, too: `IgnoredAny` would pass over bottomless nesting, halves of surrogate pairs and 1e400.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> de::Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// An object, or a number that isn't a short integer: with every digit kept, serde_json gives such a one as an object with one name of its own.
    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while let Some(name) = entries.next_key::<Cow<'de, str>>()? {
            if name == NUMBER {
                entries.next_value::<Digits>()?;
            } else if name.starts_with(PRIVATE) {
                return Err(de::Error::custom("a name that stands for something else"));
            } else {
                entries.next_value::<Self>()?;
            }
        }
        Ok(self)
    }
}

/// The digits of a number, which serde_json hands over as a string of their own. One of the text comes borrowed or copied instead, so that
/// what stands in the text under a number's name is never taken for one.
struct Digits;

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Self)
    }
}

impl de::Visitor<'_> for Digits {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number that a double can hold")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self, E> {
        Err(E::invalid_type(de::Unexpected::Other("a text"), &self))
    }

    fn visit_string<E: de::Error>(self, digits: String) -> Result<Self, E> {
        if digits.parse::<f64>().is_ok_and(f64::is_finite) { Ok(self) } else { Err(E::invalid_type(de::Unexpected::Other("another number"), &self)) }
    }
}
