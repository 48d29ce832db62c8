//! What is known of a provider?

use serde::{Deserialize, Serialize};

use crate::{
    Address, Bounded, Code, Date, EmailContact, FacilityId, Gender, HumanName, Identifier, Language, Line, Period, PhoneContact, ProviderNumber,
    choices::choices, redact::redacted,
};

/// A provider (HL7 FHIR R4 `Practitioner`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProviderProfile {
    /// The number here; unique in the organization.
    pub provider_number: ProviderNumber,
    /// The name.
    pub name: HumanName,
    /// The licence to practise; without one there is no verification.
    #[serde(default)]
    pub license_number: Option<Line>,
    /// What the provider is good at.
    #[serde(default)]
    pub specialties: Vec<Specialty>,
    /// Examinations passed, board certifications, degrees.
    #[serde(default)]
    pub certifications: Vec<Certification>,
    /// Languages patients can be spoken to in.
    #[serde(default)]
    pub languages: Vec<Language>,
    /// For the choice of a provider, as the provider sees it.
    #[serde(default)]
    pub gender: Option<Gender>,
    /// Birth date.
    #[serde(default)]
    pub birth_date: Option<Date>,
    /// Phone numbers.
    #[serde(default)]
    pub phones: Vec<PhoneContact>,
    /// E-mail addresses.
    #[serde(default)]
    pub emails: Vec<EmailContact>,
    /// Addresses.
    #[serde(default)]
    pub addresses: Vec<Address>,
    /// Numbers elsewhere: the NPI, for one.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
}

/// Something a provider has proved to be able to do (FHIR's `Practitioner.qualification`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Certification {
    /// What.
    pub code: Code,
    /// Its number.
    #[serde(default)]
    pub number: Option<Line>,
    /// Who says so.
    #[serde(default)]
    pub issuer: Option<Line>,
    /// From which day on.
    #[serde(default)]
    pub valid_from: Option<Date>,
    /// Until which day, inclusive.
    #[serde(default)]
    pub valid_until: Option<Date>,
}

/// What a provider does at a facility (FHIR's `PractitionerRole`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Affiliation {
    /// Where.
    pub facility_id: FacilityId,
    /// As what: `doctor`, `nurse`.
    #[serde(default)]
    pub roles: Vec<Code>,
    /// In which fields.
    #[serde(default)]
    pub specialties: Vec<Code>,
    /// From when on, until when.
    #[serde(default)]
    pub period: Option<Period>,
    /// Phone numbers there.
    #[serde(default)]
    pub phones: Vec<PhoneContact>,
    /// E-mail addresses there.
    #[serde(default)]
    pub emails: Vec<EmailContact>,
}

choices! {
    /// A field of medicine, after FHIR R4's value set `c80-practice-codes`, the rarest ones under `OTHER`.
    pub enum Specialty {
        AllergyAndImmunology = "ALLERGY_AND_IMMUNOLOGY",
        Anesthesiology = "ANESTHESIOLOGY",
        Cardiology = "CARDIOLOGY",
        CriticalCare = "CRITICAL_CARE",
        Dentistry = "DENTISTRY",
        Dermatology = "DERMATOLOGY",
        EmergencyMedicine = "EMERGENCY_MEDICINE",
        Endocrinology = "ENDOCRINOLOGY",
        FamilyMedicine = "FAMILY_MEDICINE",
        Gastroenterology = "GASTROENTEROLOGY",
        GeneralPractice = "GENERAL_PRACTICE",
        GeneralSurgery = "GENERAL_SURGERY",
        Genetics = "GENETICS",
        Geriatrics = "GERIATRICS",
        Hematology = "HEMATOLOGY",
        InfectiousDiseases = "INFECTIOUS_DISEASES",
        InternalMedicine = "INTERNAL_MEDICINE",
        Nephrology = "NEPHROLOGY",
        Neurology = "NEUROLOGY",
        Neurosurgery = "NEUROSURGERY",
        NuclearMedicine = "NUCLEAR_MEDICINE",
        Nursing = "NURSING",
        Nutrition = "NUTRITION",
        ObstetricsAndGynecology = "OBSTETRICS_AND_GYNECOLOGY",
        OccupationalMedicine = "OCCUPATIONAL_MEDICINE",
        Oncology = "ONCOLOGY",
        Ophthalmology = "OPHTHALMOLOGY",
        Orthopedics = "ORTHOPEDICS",
        Otolaryngology = "OTOLARYNGOLOGY",
        PainMedicine = "PAIN_MEDICINE",
        PalliativeMedicine = "PALLIATIVE_MEDICINE",
        Pathology = "PATHOLOGY",
        Pediatrics = "PEDIATRICS",
        Pharmacy = "PHARMACY",
        PhysicalTherapy = "PHYSICAL_THERAPY",
        PlasticSurgery = "PLASTIC_SURGERY",
        PreventiveMedicine = "PREVENTIVE_MEDICINE",
        Psychiatry = "PSYCHIATRY",
        Psychology = "PSYCHOLOGY",
        Pulmonology = "PULMONOLOGY",
        Radiology = "RADIOLOGY",
        Rehabilitation = "REHABILITATION",
        Rheumatology = "RHEUMATOLOGY",
        SleepMedicine = "SLEEP_MEDICINE",
        SportsMedicine = "SPORTS_MEDICINE",
        ThoracicSurgery = "THORACIC_SURGERY",
        TransplantSurgery = "TRANSPLANT_SURGERY",
        Urology = "UROLOGY",
        VascularSurgery = "VASCULAR_SURGERY",
        Other = "OTHER",
    }
}

redacted!(ProviderProfile, Certification, Affiliation);

/// The system of United States National Provider Identifiers.
pub const NPI_SYSTEM: &str = "http://hl7.org/fhir/sid/us-npi";

impl ProviderProfile {
    /// The same with the provider's own numbers masked.
    pub(crate) fn masked(&self) -> Self {
        Self { identifiers: self.identifiers.iter().map(Identifier::masked_if_personal).collect(), ..self.clone() }
    }

    /// The National Provider Identifiers, of which a provider should have one.
    pub fn npis(&self) -> impl Iterator<Item = &str> {
        let npis = self.identifiers.iter().filter(|id| id.system.as_ref().is_some_and(|system| system.as_str() == NPI_SYSTEM));
        npis.map(|id| id.value.as_str())
    }
}

impl Certification {
    /// Whether it ends before it begins.
    pub(super) fn is_reversed(&self) -> bool {
        matches!((self.valid_from, self.valid_until), (Some(from), Some(until)) if until < from)
    }
}

impl Bounded for ProviderProfile {
    fn is_bounded(&self) -> bool {
        self.name.is_bounded()
            && self.specialties.is_bounded()
            && self.certifications.is_bounded()
            && self.languages.is_bounded()
            && self.phones.is_bounded()
            && self.emails.is_bounded()
            && self.addresses.is_bounded()
            && self.identifiers.is_bounded()
    }
}

impl Bounded for Certification {
    fn is_bounded(&self) -> bool {
        self.code.is_bounded()
    }
}

impl Bounded for Affiliation {
    fn is_bounded(&self) -> bool {
        self.roles.is_bounded() && self.specialties.is_bounded() && self.phones.is_bounded() && self.emails.is_bounded()
    }
}

/// One choice, or one short tag: bounded by its type.
macro_rules! bounded_by_type {
    ($($name:ident),+) => {
        $(impl Bounded for $name {
            fn is_bounded(&self) -> bool {
                true
            }
        })+
    };
}

bounded_by_type!(Specialty, Language);
