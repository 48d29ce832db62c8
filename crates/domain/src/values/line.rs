//! Which short texts may be stored? One line each: names, titles, numbers of others' making.

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::redact::redacted;

/// One line of text: 1 to 500 characters, not only blanks, no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 500))]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

redacted!(Line);

impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Line {
    type Error = InvalidValue;

    fn try_from(line: String) -> Result<Self, InvalidValue> {
        if line.trim().is_empty() {
            return Err(InvalidValue("must not be empty"));
        }
        if line.chars().count() > 500 {
            return Err(InvalidValue("must be at most 500 characters long"));
        }
        if line.chars().any(char::is_control) {
            return Err(InvalidValue("must be one line without control characters"));
        }
        Ok(Self(line))
    }
}

impl TryFrom<&str> for Line {
    type Error = InvalidValue;

    fn try_from(line: &str) -> Result<Self, InvalidValue> {
        Self::try_from(line.to_owned())
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}
