//! Organization and Location → facility.

use anamnesis_domain::{
    Address, FacilityId, Line,
    facility::{FacilityCommand, FacilityDetails, FacilityKind},
};
use serde::Deserialize;

use crate::{
    Command,
    draft::Draft,
    elements::{CodeableConcept, Reference, codes, codes_of_all},
    error::FieldError,
    person::{ContactPoint, FhirAddress, FhirIdentifier, contacts, identifiers},
    text,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    #[serde(default)]
    identifier: Vec<FhirIdentifier>,
    active: Option<bool>,
    #[serde(default)]
    r#type: Vec<CodeableConcept>,
    name: Option<Line>,
    #[serde(default)]
    alias: Vec<Line>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
    #[serde(default)]
    address: Vec<FhirAddress>,
    part_of: Option<Reference>,
}

codes! {
    LocationStatus { Active, Suspended, Inactive }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(default)]
    identifier: Vec<FhirIdentifier>,
    status: Option<LocationStatus>,
    name: Option<Line>,
    #[serde(default)]
    alias: Vec<Line>,
    description: Option<String>,
    #[serde(default)]
    r#type: Vec<CodeableConcept>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
    address: Option<FhirAddress>,
    physical_type: Option<CodeableConcept>,
    managing_organization: Option<Reference>,
    part_of: Option<Reference>,
}

pub(crate) fn organization(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let organization: Organization = draft.read()?;
    let name = organization.name.or_else(|| organization.alias.into_iter().next()).ok_or_else(no_name)?;
    let (phones, emails) = contacts(draft, &organization.telecom, "telecom");
    let facility = FacilityDetails {
        name,
        kind: kind(&organization.r#type, FacilityKind::Other),
        parent_id: draft.facility(organization.part_of.as_ref(), "partOf"),
        types: codes_of_all(&organization.r#type),
        identifiers: identifiers(&organization.identifier),
        phones,
        emails,
        addresses: organization.address.into_iter().map(FhirAddress::address).filter(is_somewhere).collect(),
    };
    register(draft, facility, organization.active == Some(false));
    Ok(())
}

pub(crate) fn location(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let location: Location = draft.read()?;
    let description = || text::line(location.description.as_deref()?);
    let name = location.name.or_else(|| location.alias.into_iter().next()).or_else(description).ok_or_else(no_name)?;
    let (phones, emails) = contacts(draft, &location.telecom, "telecom");
    let types: Vec<_> = location.r#type.into_iter().chain(location.physical_type).collect();
    let parent = draft.facility(location.part_of.as_ref(), "partOf");
    let facility = FacilityDetails {
        name,
        kind: kind(&types, FacilityKind::Location),
        parent_id: parent.or_else(|| draft.facility(location.managing_organization.as_ref(), "managingOrganization")),
        types: codes_of_all(&types),
        identifiers: identifiers(&location.identifier),
        phones,
        emails,
        addresses: location.address.map(FhirAddress::address).filter(is_somewhere).into_iter().collect(),
    };
    register(draft, facility, location.status == Some(LocationStatus::Inactive));
    Ok(())
}

fn register(draft: &mut Draft<'_>, facility: FacilityDetails, closed: bool) {
    let now = draft.now;
    draft.add("register", Command::Facility(FacilityCommand::Register { now, id: FacilityId(draft.aggregate_id), facility }));
    if closed {
        draft.add("close", Command::Facility(FacilityCommand::Close { now, reason: text::text("inactive at the source") }));
    }
}

fn no_name() -> FieldError {
    FieldError::new("name", "must be given")
}

fn is_somewhere(address: &Address) -> bool {
    *address != Address::default()
}

/// Which kind of facility it is, as far as its codes say (HL7's `organization-type` and `ServiceDeliveryLocationRoleType`).
fn kind(types: &[CodeableConcept], otherwise: FacilityKind) -> FacilityKind {
    let known = types.iter().flat_map(CodeableConcept::codes).find_map(|code| match code {
        "HOSP" | "GACH" | "CHR" => Some(FacilityKind::Hospital),
        "PROFF" | "OF" | "FMC" | "PC" => Some(FacilityKind::Practice),
        "dept" => Some(FacilityKind::Department),
        _ => None,
    });
    known.unwrap_or(otherwise)
}
