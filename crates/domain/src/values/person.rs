//! Who is a person? Names, numbers that others gave them, the language they speak.

use serde::{Deserialize, Serialize};

use super::{InvalidValue, Line};
use crate::{choices::choices, redact::redacted};

choices! {
    /// What a name is for (FHIR's `name-use`).
    pub enum NameUse {
        Usual = "USUAL",
        Official = "OFFICIAL",
        Temporary = "TEMPORARY",
        Nickname = "NICKNAME",
        Anonymous = "ANONYMOUS",
        Old = "OLD",
        Maiden = "MAIDEN",
    }
}

choices! {
    /// Administrative gender (FHIR's `administrative-gender`).
    pub enum Gender {
        Male = "MALE",
        Female = "FEMALE",
        Other = "OTHER",
        Unknown = "UNKNOWN",
    }
}

choices! {
    /// What kind of number it is (the usual ones of HL7's table 0203: SS, DL, PPN, MR, TAX, MB).
    pub enum IdentifierType {
        SocialSecurity = "SOCIAL_SECURITY",
        DriversLicense = "DRIVERS_LICENSE",
        Passport = "PASSPORT",
        MedicalRecord = "MEDICAL_RECORD",
        Tax = "TAX",
        HealthPlanMember = "HEALTH_PLAN_MEMBER",
        Other = "OTHER",
    }
}

/// A person's name. At least one of `family`, `given` and `text` tells it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HumanName {
    /// What it is for.
    pub r#use: Option<NameUse>,
    /// Family name, surname.
    pub family: Option<Line>,
    /// Given names, first and middle ones in order.
    pub given: Vec<Line>,
    /// What stands before it: `Dr.`
    pub prefix: Vec<Line>,
    /// What stands behind it: `Jr.`
    pub suffix: Vec<Line>,
    /// The whole name as it is spoken.
    pub text: Option<Line>,
}

impl HumanName {
    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        self.family.is_none() && self.given.is_empty() && self.text.is_none()
    }
}

/// A number that somebody gave a person: an SSN, a passport's, another hospital's record number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// Who gives such numbers, as a URI: `http://hl7.org/fhir/sid/us-ssn`.
    #[serde(default)]
    pub system: Option<Line>,
    /// What kind of number it is.
    #[serde(default = "other")]
    pub identifier_type: IdentifierType,
    /// The number.
    pub value: Line,
}

fn other() -> IdentifierType {
    IdentifierType::Other
}

impl Identifier {
    /// The last four characters behind dots, to be shown to people: `••••6789`. Nothing of a number of eight or fewer.
    pub fn masked(&self) -> String {
        let length = self.value.as_str().chars().count();
        let shown = if length > 8 { self.value.as_str().chars().skip(length - 4).collect() } else { String::new() };
        format!("••••{shown}")
    }

    /// Whether the value can be a number of its type: nine digits for an SSN, letters and digits for a passport.
    pub fn is_plausible(&self) -> bool {
        let value = self.value.as_str();
        match self.identifier_type {
            IdentifierType::SocialSecurity => {
                value.bytes().all(|b| b.is_ascii_digit() || b == b'-') && value.bytes().filter(u8::is_ascii_digit).count() == 9
            }
            IdentifierType::Passport | IdentifierType::DriversLicense => {
                value.len() <= 30 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" -".contains(&b))
            }
            IdentifierType::MedicalRecord | IdentifierType::Tax | IdentifierType::HealthPlanMember | IdentifierType::Other => true,
        }
    }
}

redacted!(HumanName, Identifier);

/// A language as BCP 47 names it: `en-US`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 2, max_length = 35))]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

impl Language {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Language {
    type Error = InvalidValue;

    fn try_from(tag: String) -> Result<Self, InvalidValue> {
        let mut parts = tag.split('-');
        let primary = parts.next().unwrap_or_default();
        let primary_fits = (2..=8).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_alphabetic());
        if tag.len() <= 35 && primary_fits && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())) {
            Ok(Self(tag))
        } else {
            Err(InvalidValue("must be a language tag as in BCP 47, such as en-US"))
        }
    }
}

impl TryFrom<&str> for Language {
    type Error = InvalidValue;

    fn try_from(tag: &str) -> Result<Self, InvalidValue> {
        Self::try_from(tag.to_owned())
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}
