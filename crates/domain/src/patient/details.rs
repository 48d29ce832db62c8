//! What is known of a patient besides their history?

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Address, Code, Date, EmailContact, Gender, HumanName, Identifier, Instant, Language, Line, PatientNumber, Phone, PhoneContact,
    ProviderId, Text, choices::choices, redact::redacted, values::Bounded,
};

choices! {
    /// The sex a birth certificate says (US Core's `birthsex`).
    pub enum BirthSex {
        Female = "FEMALE",
        Male = "MALE",
        Other = "OTHER",
        Unknown = "UNKNOWN",
    }
}

/// A patient at registration. Everything but number, name, birth date and gender may be missing.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPatient {
    /// What the organization calls the patient by; unique inside it.
    pub patient_number: PatientNumber,
    /// The name in use.
    pub name: HumanName,
    /// Former names, nicknames.
    #[serde(default)]
    pub other_names: Vec<HumanName>,
    /// Born when.
    pub birth_date: Date,
    /// Administrative gender.
    pub gender: Gender,
    /// The sex a birth certificate says.
    #[serde(default)]
    pub birth_sex: Option<BirthSex>,
    /// Married, single, …
    #[serde(default)]
    pub marital_status: Option<Code>,
    /// Race, as the patient says.
    #[serde(default)]
    pub race: Option<Code>,
    /// Ethnicity, as the patient says.
    #[serde(default)]
    pub ethnicity: Option<Code>,
    /// The language to speak with the patient.
    #[serde(default)]
    pub language: Option<Language>,
    /// Died when, if so.
    #[serde(default)]
    pub deceased_at: Option<Instant>,
    /// Phone numbers, the preferred one first.
    #[serde(default)]
    pub phones: Vec<PhoneContact>,
    /// E-mail addresses, the preferred one first.
    #[serde(default)]
    pub emails: Vec<EmailContact>,
    /// Postal addresses, the preferred one first.
    #[serde(default)]
    pub addresses: Vec<Address>,
    /// Numbers that others gave the patient: SSN, driver's licence, passport, …
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Who pays, the first one first.
    #[serde(default)]
    pub insurance: Vec<Insurance>,
    /// Whom to call.
    #[serde(default)]
    pub emergency_contacts: Vec<EmergencyContact>,
    /// The account with which the patient signs in.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// The provider who looks after the patient in general.
    #[serde(default)]
    pub primary_care_provider_id: Option<ProviderId>,
    /// The other providers who look after the patient.
    #[serde(default)]
    pub care_team: Vec<CareTeamMember>,
    /// What the patient wants to reach.
    #[serde(default)]
    pub health_goals: Vec<Text>,
    /// What may make the patient ill.
    #[serde(default)]
    pub risk_factors: Vec<Text>,
}

/// Who a patient is, as a whole; replaces what was known.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Demographics {
    /// The name in use.
    pub name: HumanName,
    /// Former names, nicknames.
    #[serde(default)]
    pub other_names: Vec<HumanName>,
    /// Born when.
    pub birth_date: Date,
    /// Administrative gender.
    pub gender: Gender,
    /// The sex a birth certificate says.
    #[serde(default)]
    pub birth_sex: Option<BirthSex>,
    /// Married, single, …
    #[serde(default)]
    pub marital_status: Option<Code>,
    /// Race, as the patient says.
    #[serde(default)]
    pub race: Option<Code>,
    /// Ethnicity, as the patient says.
    #[serde(default)]
    pub ethnicity: Option<Code>,
    /// The language to speak with the patient.
    #[serde(default)]
    pub language: Option<Language>,
}

/// How a patient is reached, as a whole; replaces what was known.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Contact {
    /// Phone numbers, the preferred one first.
    pub phones: Vec<PhoneContact>,
    /// E-mail addresses, the preferred one first.
    pub emails: Vec<EmailContact>,
    /// Postal addresses, the preferred one first.
    pub addresses: Vec<Address>,
}

/// One insurance of a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Insurance {
    /// Who pays.
    pub payer: Line,
    /// The plan's name.
    #[serde(default)]
    pub plan: Option<Line>,
    /// The member's number.
    #[serde(default)]
    pub member_number: Option<Line>,
    /// The group's number.
    #[serde(default)]
    pub group_number: Option<Line>,
    /// In whose name it is, if not the patient's.
    #[serde(default)]
    pub subscriber: Option<Line>,
    /// What the subscriber is to the patient: `SPOUSE`, `PARENT`, …
    #[serde(default)]
    pub relationship: Option<Line>,
    /// The first day it pays.
    #[serde(default)]
    pub valid_from: Option<Date>,
    /// The last day it pays.
    #[serde(default)]
    pub valid_to: Option<Date>,
}

/// Whom to call in an emergency.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EmergencyContact {
    /// Their name.
    pub name: HumanName,
    /// What they are to the patient.
    #[serde(default)]
    pub relationship: Option<Line>,
    /// Their phone number.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// Their e-mail address.
    #[serde(default)]
    pub email: Option<crate::Email>,
    /// Where they live.
    #[serde(default)]
    pub address: Option<Address>,
}

/// A provider who looks after a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CareTeamMember {
    /// Who.
    pub provider_id: ProviderId,
    /// As what.
    #[serde(default)]
    pub role: Option<Code>,
}

redacted!(NewPatient, Demographics, Contact, Insurance, EmergencyContact, CareTeamMember);

impl NewPatient {
    /// Who the patient is.
    pub fn demographics(&self) -> Demographics {
        Demographics {
            name: self.name.clone(),
            other_names: self.other_names.clone(),
            birth_date: self.birth_date,
            gender: self.gender,
            birth_sex: self.birth_sex,
            marital_status: self.marital_status.clone(),
            race: self.race.clone(),
            ethnicity: self.ethnicity.clone(),
            language: self.language.clone(),
        }
    }

    /// How the patient is reached.
    pub fn contact(&self) -> Contact {
        Contact { phones: self.phones.clone(), emails: self.emails.clone(), addresses: self.addresses.clone() }
    }

    pub(super) fn correct(&mut self, demographics: Demographics) {
        let Demographics { name, other_names, birth_date, gender, birth_sex, marital_status, race, ethnicity, language } = demographics;
        self.name = name;
        self.other_names = other_names;
        self.birth_date = birth_date;
        self.gender = gender;
        self.birth_sex = birth_sex;
        self.marital_status = marital_status;
        self.race = race;
        self.ethnicity = ethnicity;
        self.language = language;
    }

    pub(super) fn change_contact(&mut self, Contact { phones, emails, addresses }: Contact) {
        self.phones = phones;
        self.emails = emails;
        self.addresses = addresses;
    }
}

impl Bounded for NewPatient {
    fn is_bounded(&self) -> bool {
        self.name.is_bounded()
            && self.other_names.is_bounded()
            && [&self.marital_status, &self.race, &self.ethnicity].into_iter().all(Bounded::is_bounded)
            && self.phones.is_bounded()
            && self.emails.is_bounded()
            && self.addresses.is_bounded()
            && self.identifiers.is_bounded()
            && self.insurance.is_bounded()
            && self.emergency_contacts.is_bounded()
            && self.care_team.is_bounded()
            && self.health_goals.is_bounded()
            && self.risk_factors.is_bounded()
    }
}

impl Bounded for Demographics {
    fn is_bounded(&self) -> bool {
        self.name.is_bounded()
            && self.other_names.is_bounded()
            && [&self.marital_status, &self.race, &self.ethnicity].into_iter().all(Bounded::is_bounded)
    }
}

impl Bounded for Contact {
    fn is_bounded(&self) -> bool {
        self.phones.is_bounded() && self.emails.is_bounded() && self.addresses.is_bounded()
    }
}

impl Bounded for Insurance {
    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for EmergencyContact {
    fn is_bounded(&self) -> bool {
        self.name.is_bounded() && self.address.is_bounded()
    }
}

impl Bounded for CareTeamMember {
    fn is_bounded(&self) -> bool {
        self.role.is_bounded()
    }
}
