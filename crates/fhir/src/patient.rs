//! Patient → patient.

use anamnesis_domain::{
    Code, Email, Instant, Language, Line, PatientNumber, Phone, ProviderId,
    patient::{BirthSex, CareTeamMember, EmergencyContact, NewPatient, PatientCommand},
};
use serde::Deserialize;

use crate::{
    Command,
    draft::Draft,
    elements::{CodeableConcept, FhirCoding, Reference},
    error::FieldError,
    person::{ContactPoint, FhirAddress, FhirGender, FhirIdentifier, FhirName, contacts, identifiers, names},
    text,
    time::When,
};

const RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const ETHNICITY: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity";
const BIRTH_SEX: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex";

#[derive(Deserialize)]
#[serde(rename = "Patient", rename_all = "camelCase")]
struct FhirPatient {
    #[serde(default)]
    extension: Vec<Extension>,
    #[serde(default)]
    identifier: Vec<FhirIdentifier>,
    active: Option<bool>,
    #[serde(default)]
    name: Vec<FhirName>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
    gender: Option<FhirGender>,
    birth_date: When,
    deceased_boolean: Option<bool>,
    deceased_date_time: Option<When>,
    #[serde(default)]
    address: Vec<FhirAddress>,
    marital_status: Option<CodeableConcept>,
    #[serde(default)]
    contact: Vec<Contact>,
    #[serde(default)]
    communication: Vec<Communication>,
    #[serde(default)]
    general_practitioner: Vec<Reference>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extension {
    url: String,
    value_code: Option<String>,
    value_coding: Option<FhirCoding>,
    value_string: Option<String>,
    #[serde(rename = "extension")]
    parts: Vec<Extension>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Contact {
    relationship: Vec<CodeableConcept>,
    name: Option<FhirName>,
    telecom: Vec<ContactPoint>,
    address: Option<FhirAddress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Communication {
    language: CodeableConcept,
    preferred: bool,
}

pub(crate) fn patient(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let patient: FhirPatient = draft.read()?;
    if !patient.birth_date.is_whole_day() {
        return Err(FieldError::new("birthDate", "must be a whole date, such as 2026-01-31"));
    }
    let (name, other_names) = names(patient.name).ok_or_else(|| FieldError::new("name", "must be given"))?;
    let (phones, emails) = contacts(draft, &patient.telecom, "telecom");
    let (primary_care_provider_id, care_team) = care_team(draft, &patient.general_practitioner);
    let new = NewPatient {
        patient_number: patient_number(draft, &patient.identifier)?,
        name,
        other_names,
        birth_date: patient.birth_date.day,
        gender: patient.gender.unwrap_or(FhirGender::Unknown).into(),
        birth_sex: birth_sex(draft, &patient.extension),
        marital_status: patient.marital_status.as_ref().and_then(CodeableConcept::code),
        race: us_core(&patient.extension, RACE),
        ethnicity: us_core(&patient.extension, ETHNICITY),
        language: language(draft, &patient.communication),
        deceased_at: patient.deceased_date_time.map(|when| died_at(draft.now, patient.birth_date, when)),
        phones,
        emails,
        addresses: patient.address.into_iter().map(FhirAddress::address).collect(),
        identifiers: identifiers(&patient.identifier),
        insurance: vec![],
        emergency_contacts: emergency_contacts(draft, patient.contact),
        account_id: None,
        primary_care_provider_id,
        care_team,
        health_goals: vec![],
        risk_factors: vec![],
    };
    if patient.deceased_boolean == Some(true) {
        draft.remark("deceasedBoolean", "a death has a place here only with its time");
    }
    if patient.active == Some(false) {
        draft.remark("active", "the patient is registered as an active one; deactivate them after the import");
    }
    draft.add("register", Command::Patient(PatientCommand::Register { now: draft.now, patient: Box::new(new) }));
    Ok(())
}

/// The moment of death; where only the month or the year is known, in which they were born, no earlier than the birth.
fn died_at(now: Instant, birth_date: When, death: When) -> Instant {
    let moment = death.begun(now);
    if death.is_moment() || death.is_before(birth_date) { moment } else { moment.max(birth_date.start.min(now)) }
}

/// The medical record number, else what the source calls the patient by.
fn patient_number(draft: &mut Draft<'_>, identifiers: &[FhirIdentifier]) -> Result<PatientNumber, FieldError> {
    let number = identifiers.iter().enumerate().find_map(|(at, one)| Some((at, one.value.as_ref().filter(|_| one.is_a("MR"))?)));
    let number = number.and_then(|(at, number)| draft.taken(&format!("identifier[{at}].value"), PatientNumber::try_from(number.as_str())));
    number.map_or_else(|| PatientNumber::try_from(draft.id).map_err(|invalid| FieldError::new("id", invalid.to_string())), Ok)
}

fn birth_sex(draft: &mut Draft<'_>, extensions: &[Extension]) -> Option<BirthSex> {
    let at = extensions.iter().position(|extension| extension.url == BIRTH_SEX)?;
    match extensions[at].value_code.as_deref()? {
        "F" => Some(BirthSex::Female),
        "M" => Some(BirthSex::Male),
        "OTH" => Some(BirthSex::Other),
        "UNK" | "ASKU" => Some(BirthSex::Unknown),
        _ => {
            draft.remark(format!("extension[{at}].valueCode"), "must be F, M, OTH, UNK or ASKU");
            None
        }
    }
}

/// Race or ethnicity: the codes of its parts and its text.
fn us_core(extensions: &[Extension], url: &str) -> Option<Code> {
    let parts = &extensions.iter().find(|extension| extension.url == url)?.parts;
    let text = parts.iter().find(|part| part.url == "text").and_then(|part| part.value_string.clone());
    CodeableConcept { coding: parts.iter().filter_map(|part| part.value_coding.clone()).collect(), text }.code()
}

fn language(draft: &mut Draft<'_>, communication: &[Communication]) -> Option<Language> {
    if communication.len() > 1 {
        draft.remark("communication", "only one language has a place here: the preferred one, else the first");
    }
    let at = communication.iter().position(|one| one.preferred).unwrap_or(0);
    let tag = communication.get(at)?.language.codes().next()?;
    draft.taken(&format!("communication[{at}].language"), Language::try_from(tag))
}

/// The first practitioner looks after the patient in general, the others are in the care team.
fn care_team(draft: &mut Draft<'_>, references: &[Reference]) -> (Option<ProviderId>, Vec<CareTeamMember>) {
    let mut providers = Vec::new();
    for (at, reference) in references.iter().enumerate() {
        let path = format!("generalPractitioner[{at}]");
        match draft.optional(Some(reference), &path, &["Practitioner"]).map(ProviderId) {
            Some(provider) if !providers.contains(&provider) => providers.push(provider),
            Some(_) => {}
            None => draft.remark(path, "only a Practitioner has a place here"),
        }
    }
    let mut providers = providers.into_iter();
    (providers.next(), providers.map(|provider_id| CareTeamMember { provider_id, role: None }).collect())
}

fn emergency_contacts(draft: &mut Draft<'_>, contacts_of_patient: Vec<Contact>) -> Vec<EmergencyContact> {
    let mut all = Vec::new();
    for (at, contact) in contacts_of_patient.into_iter().enumerate() {
        let path = format!("contact[{at}]");
        let Some(name) = contact.name.map(FhirName::name).filter(|name| !name.is_empty()) else {
            draft.remark(format!("{path}.name"), "must be given to be taken over");
            continue;
        };
        let (phones, emails) = contacts(draft, &contact.telecom, &format!("{path}.telecom"));
        if phones.len() > 1 || emails.len() > 1 {
            draft.remark(format!("{path}.telecom"), "only one phone number and one e-mail address have a place here");
        }
        let phone: Option<Phone> = phones.into_iter().next().map(|phone| phone.number);
        let email: Option<Email> = emails.into_iter().next().map(|email| email.address);
        all.push(EmergencyContact {
            name,
            relationship: relationship(&contact.relationship),
            phone,
            email,
            address: contact.address.map(FhirAddress::address),
        });
    }
    all
}

fn relationship(concepts: &[CodeableConcept]) -> Option<Line> {
    text::line(&concepts.iter().filter_map(CodeableConcept::words).collect::<Vec<_>>().join(", "))
}
