//! Which numbers name a patient or a provider inside an organization?

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::redact::redacted;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident)+) => {
        $($(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 50))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        redacted!($name);

        impl $name {
            /// As given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Without regard to case, for claims and look-ups.
            pub fn normalised(&self) -> String {
                self.0.to_ascii_uppercase()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(number: String) -> Result<Self, InvalidValue> {
                let fits = (1..=50).contains(&number.len());
                if fits && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./|:".contains(&b)) {
                    Ok(Self(number))
                } else {
                    Err(InvalidValue("must be 1 to 50 letters, digits or -_./|:"))
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidValue;

            fn try_from(number: &str) -> Result<Self, InvalidValue> {
                Self::try_from(number.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(number: $name) -> Self {
                number.0
            }
        })+
    };
}

numbers! {
    /// What an organization calls a patient by; unique inside it.
    PatientNumber
    /// What an organization calls a provider by; unique inside it.
    ProviderNumber
}
