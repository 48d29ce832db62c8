//! Which texts may be stored?

use serde::{Deserialize, Serialize};

use crate::redact::redacted;

/// A value that isn't one: says what it should be, never what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub(crate) &'static str);

/// Free text that a person typed: 1 to 100,000 characters, not only blanks, no control characters but line breaks and tabs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 100_000))]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

redacted!(Text);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() {
            return Err(InvalidValue("must not be empty"));
        }
        if text.chars().count() > 100_000 {
            return Err(InvalidValue("must be at most 100,000 characters long"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(InvalidValue("must not contain control characters"));
        }
        Ok(Self(text))
    }
}

impl TryFrom<&str> for Text {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        Self::try_from(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}
