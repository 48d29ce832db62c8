//! How is a person reached? By phone, by e-mail, at an address.

use serde::{Deserialize, Serialize};

use super::{InvalidValue, Line, Period};
use crate::{choices::choices, redact::redacted};

choices! {
    /// What a phone number or e-mail address is for (FHIR's `contact-point-use`).
    pub enum ContactUse {
        Home = "HOME",
        Work = "WORK",
        Mobile = "MOBILE",
        Temporary = "TEMPORARY",
        Old = "OLD",
    }
}

choices! {
    /// What an address is for (FHIR's `address-use`).
    pub enum AddressUse {
        Home = "HOME",
        Work = "WORK",
        Billing = "BILLING",
        Temporary = "TEMPORARY",
        Old = "OLD",
    }
}

/// A phone number with what it is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PhoneContact {
    /// The number.
    pub number: Phone,
    /// What it is for.
    #[serde(default)]
    pub r#use: Option<ContactUse>,
}

/// An e-mail address with what it is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EmailContact {
    /// The address.
    pub address: Email,
    /// What it is for.
    #[serde(default)]
    pub r#use: Option<ContactUse>,
}

/// A postal address. Every part may be missing, as in FHIR's `Address`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// What it is for.
    pub r#use: Option<AddressUse>,
    /// Street, number, apartment.
    pub lines: Vec<Line>,
    /// City or village.
    pub city: Option<Line>,
    /// County.
    pub district: Option<Line>,
    /// State or province.
    pub state: Option<Line>,
    /// ZIP code.
    pub postal_code: Option<Line>,
    /// Country, as ISO 3166 code or name.
    pub country: Option<Line>,
    /// The whole address in one line, where the parts aren't known.
    pub text: Option<Line>,
    /// When it holds.
    pub period: Option<Period>,
}

redacted!(PhoneContact, EmailContact, Address, Phone, Email);

/// A phone number as a person writes it: `+1 (555) 013-2477 x12`, 3 to 32 characters with 3 to 20 digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 3, max_length = 32))]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, with a leading plus if there is one, for look-ups.
    pub fn normalised(&self) -> String {
        self.0.chars().enumerate().filter(|(i, c)| c.is_ascii_digit() || (*i == 0 && *c == '+')).map(|(_, c)| c).collect()
    }
}

impl TryFrom<String> for Phone {
    type Error = InvalidValue;

    fn try_from(phone: String) -> Result<Self, InvalidValue> {
        let digits = phone.bytes().filter(u8::is_ascii_digit).count();
        let allowed = phone.bytes().all(|b| b.is_ascii_digit() || b" +()-./x#".contains(&b));
        if allowed && (3..=20).contains(&digits) && phone.len() <= 32 && phone.trim() == phone && phone.rfind('+').is_none_or(|at| at == 0) {
            Ok(Self(phone))
        } else {
            Err(InvalidValue("must be a phone number: 3 to 20 digits, with only spaces and +()-./x# between them"))
        }
    }
}

/// An e-mail address (RFC 5321), at most 254 characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = "email", max_length = 254))]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without regard to case, for claims and look-ups.
    pub fn normalised(&self) -> String {
        self.0.to_lowercase()
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidValue;

    fn try_from(email: String) -> Result<Self, InvalidValue> {
        let options = email_address::Options::default().without_display_text().with_required_tld();
        if email.len() <= 254 && email_address::EmailAddress::parse_with_options(&email, options).is_ok() {
            Ok(Self(email))
        } else {
            Err(InvalidValue("must be an e-mail address"))
        }
    }
}

macro_rules! strings {
    ($($name:ident),+) => {
        $(impl TryFrom<&str> for $name {
            type Error = InvalidValue;

            fn try_from(text: &str) -> Result<Self, InvalidValue> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        })+
    };
}

strings!(Phone, Email);
