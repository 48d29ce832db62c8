//! Observation → a record of what was measured, found or answered.

use anamnesis_domain::record::{Finding, RecordType};
use serde::Deserialize;

use super::{Standing, Times, add, record_of, required_code, title, words};
use crate::{
    draft::{Draft, each},
    elements::{Annotation, CodeableConcept, Reference, Value, codes, notes},
    error::FieldError,
    text,
    time::{Span, When},
};

codes! {
    ObservationStatus { Registered, Preliminary, Final, Amended, Corrected, Cancelled, EnteredInError, Unknown }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Observation {
    status: ObservationStatus,
    #[serde(default)]
    category: Vec<CodeableConcept>,
    code: Option<CodeableConcept>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    effective_date_time: Option<When>,
    effective_instant: Option<When>,
    #[serde(default)]
    effective_period: Span,
    issued: Option<When>,
    #[serde(default)]
    performer: Vec<Reference>,
    #[serde(default)]
    note: Vec<Annotation>,
    #[serde(default)]
    component: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    code: Option<CodeableConcept>,
}

/// The values apart, so that the path of a broken one is right: serde loses it in a flattened field.
#[derive(Deserialize)]
struct Components {
    #[serde(default)]
    component: Vec<Value>,
}

pub(crate) fn observation(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let observation: Observation = draft.read()?;
    let value: Value = draft.read()?;
    let patient_id = draft.subject(observation.subject.as_ref(), "subject")?;
    let effective = observation.effective_date_time.or(observation.effective_instant).or(observation.effective_period.start);
    let mut record = record_of(draft, patient_id, record_type(&observation.category), Times { made: observation.issued, effective })?;
    let standing = standing(observation.status);
    title(&mut record, standing, [words(observation.code.as_ref())]);
    record.provider_id = draft.provider(each(&observation.performer, "performer"));
    record.appointment_id = draft.visit(observation.encounter.as_ref(), "encounter");
    record.codes = vec![required_code(observation.code.as_ref(), "code")?];
    record.value = value.value();
    record.components = findings(draft, &observation.component)?;
    record.notes = text::paragraphs(notes(&observation.note));
    add(draft, record, standing);
    Ok(())
}

fn findings(draft: &Draft<'_>, components: &[Component]) -> Result<Vec<Finding>, FieldError> {
    let values: Components = draft.read()?;
    let finding = |(at, (component, value)): (usize, (&Component, &Value))| {
        Ok(Finding { code: required_code(component.code.as_ref(), &format!("component[{at}].code"))?, value: value.value() })
    };
    components.iter().zip(&values.component).enumerate().map(finding).collect()
}

/// By the first category that says it (HL7's `observation-category`).
fn record_type(categories: &[CodeableConcept]) -> RecordType {
    let known = categories.iter().flat_map(CodeableConcept::codes).find_map(|code| match code {
        "vital-signs" => Some(RecordType::VitalSigns),
        "laboratory" => Some(RecordType::LabResult),
        "survey" | "social-history" => Some(RecordType::Survey),
        "imaging" => Some(RecordType::Imaging),
        "procedure" => Some(RecordType::Procedure),
        _ => None,
    });
    known.unwrap_or(RecordType::Other)
}

fn standing(status: ObservationStatus) -> Standing {
    match status {
        ObservationStatus::Registered | ObservationStatus::Preliminary => Standing::But("Preliminary"),
        ObservationStatus::Cancelled => Standing::But("Cancelled"),
        ObservationStatus::EnteredInError => Standing::InError,
        ObservationStatus::Final | ObservationStatus::Amended | ObservationStatus::Corrected | ObservationStatus::Unknown => Standing::Holds,
    }
}
