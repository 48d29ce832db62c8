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
    /// The same with the last four characters of the number behind dots, to be shown to people: `••••6789`. Nothing of a number of
    /// eight or fewer.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "dots and what stood in a line are always a line")]
    pub fn masked(&self) -> Self {
        let length = self.value.as_str().chars().count();
        let shown: String = if length > 8 { self.value.as_str().chars().skip(length - 4).collect() } else { String::new() };
        let value = Line::try_from(format!("••••{shown}")).expect("dots and what stood in a line are a line");
        Self { value, ..self.clone() }
    }

    /// Masked if the number is a person's own, as a passport's; those of their profession are public.
    #[must_use]
    pub fn masked_if_personal(&self) -> Self {
        match self.identifier_type {
            IdentifierType::SocialSecurity | IdentifierType::Passport | IdentifierType::DriversLicense | IdentifierType::Tax => self.masked(),
            IdentifierType::MedicalRecord | IdentifierType::HealthPlanMember | IdentifierType::Other => self.clone(),
        }
    }

    /// Whether the value can be a number of its type: a [`SocialSecurityNumber`], letters and digits for a passport.
    pub fn is_plausible(&self) -> bool {
        let value = self.value.as_str();
        match self.identifier_type {
            IdentifierType::SocialSecurity => SocialSecurityNumber::try_from(value).is_ok(),
            IdentifierType::Passport | IdentifierType::DriversLicense => {
                value.len() <= 30 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" -".contains(&b))
            }
            IdentifierType::MedicalRecord | IdentifierType::Tax | IdentifierType::HealthPlanMember | IdentifierType::Other => true,
        }
    }
}

/// A social security number: area, group and serial, `999-41-7203` or `999417203`.
///
/// Area 000 and 666, group 00 and serial 0000 were never given (SSA, Program Operations Manual RM 10201.035). Areas from 900 on
/// weren't either, but stand here: taxpayers' numbers (ITIN) have them, and so have all that are made up to be nobody's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SocialSecurityNumber {
    area: u16,
    group: u8,
    serial: u16,
}

impl TryFrom<&str> for SocialSecurityNumber {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        const WRONG: InvalidValue = InvalidValue("must be a social security number: 999-41-7203, with or without the hyphens");
        let parts = match text.split('-').collect::<Vec<_>>()[..] {
            [area, group, serial] => [area, group, serial],
            [all] if all.len() == 9 && all.is_ascii() => [&all[..3], &all[3..5], &all[5..]],
            _ => return Err(WRONG),
        };
        let is_written_so = parts.map(str::len) == [3, 2, 4] && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        let [Ok(area), Ok(group), Ok(serial)] = parts.map(str::parse::<u16>) else { return Err(WRONG) };
        let was_given = !matches!(area, 0 | 666) && group > 0 && serial > 0;
        match u8::try_from(group) {
            Ok(group) if is_written_so && was_given => Ok(Self { area, group, serial }),
            Ok(_) | Err(_) => Err(WRONG),
        }
    }
}

impl SocialSecurityNumber {
    /// With hyphens, as it stands on the card.
    pub fn written(self) -> String {
        format!("{:03}-{:02}-{:04}", self.area, self.group, self.serial)
    }
}

redacted!(HumanName, Identifier, SocialSecurityNumber);

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
