//! How is a person, or a place, named and reached? FHIR's `HumanName`, `ContactPoint`, `Address` and `Identifier`.

use anamnesis_domain::{
    Address, AddressUse, ContactUse, Email, EmailContact, HumanName, Identifier, IdentifierType, Line, NameUse, Phone, PhoneContact,
};
use serde::Deserialize;

use crate::{
    draft::Draft,
    elements::{CodeableConcept, codes},
    text,
    time::Span,
};

const SSN_SYSTEM: &str = "http://hl7.org/fhir/sid/us-ssn";

codes! {
    FhirNameUse { Usual, Official, Temp, Nickname, Anonymous, Old, Maiden }
    FhirContactUse { Home, Work, Temp, Old, Mobile }
    FhirAddressUse { Home, Work, Temp, Old, Billing }
    ContactSystem { Phone, Fax, Email, Pager, Url, Sms, Other }
    /// Administrative gender.
    FhirGender { Male, Female, Other, Unknown }
}

impl From<FhirGender> for anamnesis_domain::Gender {
    fn from(gender: FhirGender) -> Self {
        match gender {
            FhirGender::Male => Self::Male,
            FhirGender::Female => Self::Female,
            FhirGender::Other => Self::Other,
            FhirGender::Unknown => Self::Unknown,
        }
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename = "HumanName")]
pub(crate) struct FhirName {
    r#use: Option<FhirNameUse>,
    text: Option<Line>,
    family: Option<Line>,
    given: Vec<Option<Line>>,
    prefix: Vec<Option<Line>>,
    suffix: Vec<Option<Line>>,
}

impl FhirName {
    pub(crate) fn name(self) -> HumanName {
        let r#use = self.r#use.map(|name_use| match name_use {
            FhirNameUse::Usual => NameUse::Usual,
            FhirNameUse::Official => NameUse::Official,
            FhirNameUse::Temp => NameUse::Temporary,
            FhirNameUse::Nickname => NameUse::Nickname,
            FhirNameUse::Anonymous => NameUse::Anonymous,
            FhirNameUse::Old => NameUse::Old,
            FhirNameUse::Maiden => NameUse::Maiden,
        });
        let all = |lines: Vec<Option<Line>>| lines.into_iter().flatten().collect();
        HumanName { r#use, family: self.family, given: all(self.given), prefix: all(self.prefix), suffix: all(self.suffix), text: self.text }
    }
}

/// The name in use, and the others: the official one, else the usual one, else the first that isn't a former one.
pub(crate) fn names(names: Vec<FhirName>) -> Option<(HumanName, Vec<HumanName>)> {
    let mut names: Vec<_> = names.into_iter().map(FhirName::name).filter(|name| !name.is_empty()).collect();
    let rank = |name: &HumanName| match name.r#use {
        Some(NameUse::Official) => 0,
        Some(NameUse::Usual) => 1,
        None => 2,
        Some(NameUse::Temporary | NameUse::Nickname | NameUse::Anonymous) => 3,
        Some(NameUse::Old | NameUse::Maiden) => 4,
    };
    let first = (0..names.len()).min_by_key(|at| rank(&names[*at]))?;
    let name = names.remove(first);
    Some((name, names))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContactPoint {
    system: Option<ContactSystem>,
    value: Option<String>,
    r#use: Option<FhirContactUse>,
    rank: Option<u32>,
}

impl ContactPoint {
    fn contact_use(&self) -> Option<ContactUse> {
        self.r#use.map(|contact_use| match contact_use {
            FhirContactUse::Home => ContactUse::Home,
            FhirContactUse::Work => ContactUse::Work,
            FhirContactUse::Temp => ContactUse::Temporary,
            FhirContactUse::Old => ContactUse::Old,
            FhirContactUse::Mobile => ContactUse::Mobile,
        })
    }
}

/// The phone numbers and e-mail addresses, those with a rank first. A field may hold several numbers: `a or b`.
pub(crate) fn contacts(draft: &mut Draft<'_>, telecom: &[ContactPoint], path: &str) -> (Vec<PhoneContact>, Vec<EmailContact>) {
    let (mut phones, mut emails) = (Vec::new(), Vec::new());
    let mut points: Vec<_> = telecom.iter().enumerate().collect();
    points.sort_by_key(|(_, point)| point.rank.unwrap_or(u32::MAX));
    for (at, point) in points {
        let Some(value) = &point.value else { continue };
        let path = format!("{path}[{at}].value");
        match point.system {
            Some(ContactSystem::Phone | ContactSystem::Sms | ContactSystem::Pager) | None => {
                for number in several(value) {
                    let contact = Phone::try_from(number).map(|number| PhoneContact { number, r#use: point.contact_use() });
                    draft.taken(&path, contact).into_iter().for_each(|contact| push_new(&mut phones, contact));
                }
            }
            Some(ContactSystem::Email) => {
                let contact = Email::try_from(value.trim()).map(|address| EmailContact { address, r#use: point.contact_use() });
                draft.taken(&path, contact).into_iter().for_each(|contact| push_new(&mut emails, contact));
            }
            Some(ContactSystem::Fax | ContactSystem::Url | ContactSystem::Other) => {
                draft.remark(path, "has no place here: neither a phone number nor an e-mail address");
            }
        }
    }
    (phones, emails)
}

fn several(numbers: &str) -> Vec<&str> {
    let lower = numbers.to_ascii_lowercase();
    let mut separators: Vec<_> = lower.match_indices(" or ").chain(lower.match_indices([';', ','])).collect();
    separators.sort_unstable();
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, separator) in separators {
        parts.push(numbers[from..at].trim());
        from = at + separator.len();
    }
    parts.push(numbers[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename = "Address", rename_all = "camelCase")]
pub(crate) struct FhirAddress {
    r#use: Option<FhirAddressUse>,
    text: Option<String>,
    line: Vec<Option<Line>>,
    city: Option<Line>,
    district: Option<Line>,
    state: Option<Line>,
    postal_code: Option<Line>,
    country: Option<Line>,
    period: Option<Span>,
}

impl FhirAddress {
    pub(crate) fn address(self) -> Address {
        let r#use = self.r#use.map(|address_use| match address_use {
            FhirAddressUse::Home => AddressUse::Home,
            FhirAddressUse::Work => AddressUse::Work,
            FhirAddressUse::Temp => AddressUse::Temporary,
            FhirAddressUse::Old => AddressUse::Old,
            FhirAddressUse::Billing => AddressUse::Billing,
        });
        Address {
            r#use,
            lines: self.line.into_iter().flatten().collect(),
            city: self.city,
            district: self.district,
            state: self.state,
            postal_code: self.postal_code,
            country: self.country,
            text: self.text.as_deref().and_then(text::line),
            period: self.period.map(Span::period),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename = "Identifier")]
pub(crate) struct FhirIdentifier {
    pub(crate) r#type: CodeableConcept,
    pub(crate) system: Option<Line>,
    pub(crate) value: Option<Line>,
}

impl FhirIdentifier {
    /// Whether its type has that code (HL7's table 0203).
    pub(crate) fn is_a(&self, code: &str) -> bool {
        self.r#type.codes().any(|one| one == code)
    }

    fn identifier_type(&self) -> IdentifierType {
        let known = self.r#type.codes().find_map(|code| match code {
            "SS" => Some(IdentifierType::SocialSecurity),
            "DL" => Some(IdentifierType::DriversLicense),
            "PPN" => Some(IdentifierType::Passport),
            "MR" => Some(IdentifierType::MedicalRecord),
            "TAX" => Some(IdentifierType::Tax),
            "MB" => Some(IdentifierType::HealthPlanMember),
            _ => None,
        });
        let is_ssn = self.system.as_ref().is_some_and(|system| system.as_str() == SSN_SYSTEM);
        known.unwrap_or(if is_ssn { IdentifierType::SocialSecurity } else { IdentifierType::Other })
    }

    /// The number; one that can't be of its type is kept as one of no particular type. None: it has no value.
    pub(crate) fn identifier(&self) -> Option<Identifier> {
        let identifier = Identifier { system: self.system.clone(), identifier_type: self.identifier_type(), value: self.value.clone()? };
        Some(if identifier.is_plausible() { identifier } else { Identifier { identifier_type: IdentifierType::Other, ..identifier } })
    }
}

pub(crate) fn identifiers(identifiers: &[FhirIdentifier]) -> Vec<Identifier> {
    identifiers.iter().filter_map(FhirIdentifier::identifier).collect()
}
