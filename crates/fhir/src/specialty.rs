//! Which field of medicine does a code name? The classifications of NUCC's provider taxonomy, by their first characters.

use anamnesis_domain::provider::Specialty;

use crate::elements::CodeableConcept;

const NUCC: &str = "http://nucc.org/provider-taxonomy";

/// From the narrower to the wider: the first that fits counts.
const TAXONOMY: &[(&str, Specialty)] = &[
    ("207RC0000X", Specialty::Cardiology),
    ("207RC0200X", Specialty::CriticalCare),
    ("207RE0101X", Specialty::Endocrinology),
    ("207RG0100X", Specialty::Gastroenterology),
    ("207RG0300X", Specialty::Geriatrics),
    ("207RH", Specialty::Hematology),
    ("207RI0200X", Specialty::InfectiousDiseases),
    ("207RN0300X", Specialty::Nephrology),
    ("207RP1001X", Specialty::Pulmonology),
    ("207RR0500X", Specialty::Rheumatology),
    ("207RX", Specialty::Oncology),
    ("2084N", Specialty::Neurology),
    ("2084P", Specialty::Psychiatry),
    ("2086S0129X", Specialty::VascularSurgery),
    ("207K", Specialty::AllergyAndImmunology),
    ("207L", Specialty::Anesthesiology),
    ("207N", Specialty::Dermatology),
    ("207P", Specialty::EmergencyMedicine),
    ("207Q", Specialty::FamilyMedicine),
    ("207R", Specialty::InternalMedicine),
    ("207S", Specialty::Genetics),
    ("207T", Specialty::Neurosurgery),
    ("207U", Specialty::NuclearMedicine),
    ("207V", Specialty::ObstetricsAndGynecology),
    ("207W", Specialty::Ophthalmology),
    ("207X", Specialty::Orthopedics),
    ("207Y", Specialty::Otolaryngology),
    ("207Z", Specialty::Pathology),
    ("2080", Specialty::Pediatrics),
    ("2081", Specialty::Rehabilitation),
    ("2082", Specialty::PlasticSurgery),
    ("2083", Specialty::PreventiveMedicine),
    ("2085", Specialty::Radiology),
    ("2086", Specialty::GeneralSurgery),
    ("2088", Specialty::Urology),
    ("208D", Specialty::GeneralPractice),
    ("208G", Specialty::ThoracicSurgery),
    ("208V", Specialty::PainMedicine),
    ("1223", Specialty::Dentistry),
    ("163W", Specialty::Nursing),
    ("363L", Specialty::Nursing),
    ("133V", Specialty::Nutrition),
    ("1835", Specialty::Pharmacy),
    ("2251", Specialty::PhysicalTherapy),
    ("103T", Specialty::Psychology),
];

/// The fields that codes of the taxonomy name, each once; a code of it that isn't listed is `OTHER`.
pub(crate) fn specialties(concepts: &[CodeableConcept]) -> Vec<Specialty> {
    let mut specialties: Vec<_> = concepts.iter().flat_map(|concept| concept.codes_of(NUCC)).map(specialty).collect();
    specialties.sort_unstable();
    specialties.dedup();
    specialties
}

fn specialty(code: &str) -> Specialty {
    TAXONOMY.iter().find(|(prefix, _)| code.starts_with(prefix)).map_or(Specialty::Other, |(_, specialty)| *specialty)
}
