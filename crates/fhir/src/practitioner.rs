//! Practitioner and PractitionerRole → provider.

use anamnesis_domain::{
    AffiliationId, FacilityId, Language, Line, ProviderNumber,
    provider::{Affiliation, Certification, NPI_SYSTEM, ProviderCommand, ProviderProfile},
};
use serde::Deserialize;

use crate::{
    Command,
    draft::Draft,
    elements::{CodeableConcept, Reference, codes_of_all},
    error::FieldError,
    person::{ContactPoint, FhirAddress, FhirGender, FhirIdentifier, FhirName, contacts, identifiers, names},
    text,
    time::{Span, When},
};

/// The types of licence numbers in HL7's table 0203.
const LICENSES: [&str; 5] = ["LN", "MD", "RN", "DN", "SL"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Practitioner {
    #[serde(default)]
    identifier: Vec<FhirIdentifier>,
    active: Option<bool>,
    #[serde(default)]
    name: Vec<FhirName>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
    #[serde(default)]
    address: Vec<FhirAddress>,
    gender: Option<FhirGender>,
    birth_date: Option<When>,
    #[serde(default)]
    qualification: Vec<Qualification>,
    #[serde(default)]
    communication: Vec<CodeableConcept>,
}

#[derive(Deserialize)]
struct Qualification {
    #[serde(default)]
    identifier: Vec<FhirIdentifier>,
    code: CodeableConcept,
    #[serde(default)]
    period: Span,
    issuer: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PractitionerRole {
    active: Option<bool>,
    #[serde(default)]
    period: Option<Span>,
    practitioner: Option<Reference>,
    organization: Option<Reference>,
    #[serde(default)]
    location: Vec<Reference>,
    #[serde(default)]
    code: Vec<CodeableConcept>,
    #[serde(default)]
    specialty: Vec<CodeableConcept>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
}

pub(crate) fn practitioner(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let practitioner: Practitioner = draft.read()?;
    let (name, others) = names(practitioner.name).ok_or_else(|| FieldError::new("name", "must be given"))?;
    if !others.is_empty() {
        draft.remark("name", "only one name has a place here");
    }
    let (phones, emails) = contacts(draft, &practitioner.telecom, "telecom");
    let profile = ProviderProfile {
        provider_number: provider_number(draft, &practitioner.identifier)?,
        name,
        license_number: license_number(&practitioner.identifier),
        specialties: draft.scope().specialties(draft.aggregate_id),
        certifications: practitioner.qualification.iter().filter_map(certification).collect(),
        languages: languages(draft, &practitioner.communication),
        gender: practitioner.gender.map(Into::into),
        birth_date: practitioner.birth_date.filter(|date| date.is_whole_day()).map(|date| date.day),
        phones,
        emails,
        addresses: practitioner.address.into_iter().map(FhirAddress::address).collect(),
        identifiers: identifiers(&practitioner.identifier),
    };
    if practitioner.birth_date.is_some() && profile.birth_date.is_none() {
        draft.remark("birthDate", "must be a whole date to be taken over");
    }
    let now = draft.now;
    draft.add("register", Command::Provider(ProviderCommand::Register { now, profile }));
    if practitioner.active == Some(false) {
        let reason = text::text("inactive at the source").expect("a text that may be stored");
        draft.add("suspend", Command::Provider(ProviderCommand::Suspend { now, reason }));
    }
    Ok(())
}

/// The National Provider Identifier, else what the source calls the provider by.
fn provider_number(draft: &mut Draft<'_>, identifiers: &[FhirIdentifier]) -> Result<ProviderNumber, FieldError> {
    let npi = identifiers.iter().position(|one| one.system.as_ref().is_some_and(|system| system.as_str() == NPI_SYSTEM));
    let number = npi.and_then(|at| Some((at, identifiers[at].value.as_ref()?)));
    let number = number.and_then(|(at, npi)| draft.taken(&format!("identifier[{at}].value"), ProviderNumber::try_from(npi.as_str())));
    number.map_or_else(|| ProviderNumber::try_from(draft.id).map_err(|invalid| FieldError::new("id", invalid.to_string())), Ok)
}

fn license_number(identifiers: &[FhirIdentifier]) -> Option<Line> {
    identifiers.iter().filter(|one| LICENSES.iter().any(|license| one.is_a(license))).find_map(|one| one.value.clone())
}

fn certification(qualification: &Qualification) -> Option<Certification> {
    Some(Certification {
        code: qualification.code.code()?,
        number: qualification.identifier.iter().find_map(|one| one.value.clone()),
        issuer: qualification.issuer.as_ref().and_then(|issuer| text::line(issuer.display.as_deref()?)),
        valid_from: qualification.period.start.map(|when| when.day),
        valid_until: qualification.period.last_day(),
    })
}

fn languages(draft: &mut Draft<'_>, communication: &[CodeableConcept]) -> Vec<Language> {
    let tags = communication.iter().enumerate().filter_map(|(at, language)| Some((at, language.codes().next()?)));
    tags.filter_map(|(at, tag)| draft.taken(&format!("communication[{at}]"), Language::try_from(tag))).collect()
}

pub(crate) fn role(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let role: PractitionerRole = draft.read()?;
    let provider = draft.required(role.practitioner.as_ref(), "practitioner", &["Practitioner"])?;
    let facility = match (&role.organization, role.location.first()) {
        (None, Some(location)) => draft.required(Some(location), "location[0]", &["Location"])?,
        (organization, _) => draft.required(organization.as_ref(), "organization", &["Organization"])?,
    };
    if role.organization.is_none() && role.location.len() > 1 {
        draft.remark("location", "only the first of several places has a place here");
    }
    let (phones, emails) = contacts(draft, &role.telecom, "telecom");
    let affiliation = Affiliation {
        facility_id: FacilityId(facility.id),
        roles: codes_of_all(&role.code),
        specialties: codes_of_all(&role.specialty),
        period: role.period.map(Span::period),
        phones,
        emails,
    };
    let (now, affiliation_id) = (draft.now, AffiliationId(draft.aggregate_id));
    draft.add_to(provider.id, "affiliate", Command::Provider(ProviderCommand::Affiliate { now, affiliation_id, affiliation }));
    if role.active == Some(false) {
        let reason = text::text("inactive at the source");
        draft.add_to(provider.id, "end", Command::Provider(ProviderCommand::EndAffiliation { now, affiliation_id, reason }));
    }
    Ok(())
}
