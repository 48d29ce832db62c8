//! Everything clinical → a record, and what belongs to the patient's history there too.

use anamnesis_domain::{
    JsonText, Line, PatientId, Text,
    record::{NewRecord, RecordCommand, RecordContent, RecordSource, RecordStatus, RecordType},
};

use crate::{Command, draft::Draft, elements::CodeableConcept, error::FieldError, text, time::When};

mod document;
mod history;
mod medication;
mod observation;
mod others;

pub(crate) use document::{diagnostic_report, document_reference};
pub(crate) use history::{allergy, condition};
pub(crate) use medication::medication_request;
pub(crate) use observation::observation;
pub(crate) use others::{care_plan, imaging_study, immunization, procedure};

/// What the status of a resource means for a reader of its title.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// What it tells is so.
    Holds,
    /// It isn't quite so, and how: `Not done`.
    But(&'static str),
    /// It should never have been written.
    InError,
}

/// The times of a record: when it was made, and when what it tells was so.
#[derive(Clone, Copy, Default)]
struct Times {
    made: Option<When>,
    effective: Option<When>,
}

/// A record of the resource, whole; what is in it is left to its type.
fn record_of(draft: &Draft<'_>, patient_id: PatientId, record_type: RecordType, times: Times) -> Result<NewRecord, FieldError> {
    let effective_at = times.effective.map(|when| when.begun(draft.now));
    let made = times.made.map(|when| when.begun(draft.now)).or(effective_at.filter(|effective| *effective <= draft.now));
    Ok(NewRecord {
        patient_id,
        record_type,
        provider_id: None,
        appointment_id: None,
        record_date: made.unwrap_or(draft.now),
        visit_date: None,
        effective_at,
        title: line(draft.resource_type)?,
        description: None,
        codes: vec![],
        value: None,
        components: vec![],
        diagnosis: None,
        symptoms: vec![],
        treatment: None,
        medications: None,
        lab_results: None,
        imaging_results: None,
        notes: None,
        content: Some(content(draft)?),
        source: Some(RecordSource {
            system: draft.scope().resolver.source().clone(),
            external_id: line(&format!("{}/{}", draft.resource_type, draft.id))?,
        }),
    })
}

fn content(draft: &Draft<'_>) -> Result<RecordContent, FieldError> {
    let resource = JsonText::try_from(draft.json).map_err(|invalid| FieldError::new("", invalid.to_string()))?;
    Ok(RecordContent::Fhir { resource_type: line(draft.resource_type)?, resource_id: Some(line(draft.id)?), fhir_version: line("4.0.1")?, resource })
}

fn line(text: &str) -> Result<Line, FieldError> {
    Line::try_from(text).map_err(|invalid| FieldError::new("id", invalid.to_string()))
}

/// The title: the first words there are, and how they stand.
fn title<'w>(record: &mut NewRecord, standing: Standing, words: impl IntoIterator<Item = Option<&'w str>>) {
    let words = words.into_iter().flatten().find_map(text::line).unwrap_or_else(|| record.title.clone());
    record.title = match standing {
        Standing::But(how) => text::line(&format!("{how}: {}", words.as_str())).unwrap_or(words),
        Standing::Holds | Standing::InError => words,
    };
}

/// Adds the record, and the mark on one that should never have been written.
fn add(draft: &mut Draft<'_>, record: NewRecord, standing: Standing) {
    let now = draft.now;
    draft.add("record", Command::Record(RecordCommand::Create { now, record: Box::new(record), status: RecordStatus::Completed }));
    if standing == Standing::InError {
        draft.add("entered-in-error", Command::Record(RecordCommand::MarkEnteredInError { now, reason: in_error() }));
    }
}

fn in_error() -> Text {
    text::text("entered in error at the source").expect("a text that may be stored")
}

/// The words of a resource's code.
fn words(concept: Option<&CodeableConcept>) -> Option<&str> {
    concept.and_then(CodeableConcept::words)
}

/// A code that must name something.
fn required_code(concept: Option<&CodeableConcept>, path: &str) -> Result<anamnesis_domain::Code, FieldError> {
    concept.and_then(CodeableConcept::code).ok_or_else(|| FieldError::new(path, "must name something by a code or in words"))
}
