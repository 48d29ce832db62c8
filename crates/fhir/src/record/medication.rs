//! MedicationRequest → a prescription, and what the patient takes.

use anamnesis_domain::{
    Code, EntryId, RecordId, Text,
    patient::{Medication, MedicationStatus, PatientCommand},
    record::RecordType,
};
use serde::Deserialize;

use super::{
    Standing, Times, add,
    history::{last_day, remember},
    record_of, required_code, title,
};
use crate::{
    draft::Draft,
    elements::{Annotation, CodeableConcept, Reference, codes, codes_of_all, notes},
    error::FieldError,
    text,
    time::{Span, When},
};

codes! {
    RequestStatus { Active, OnHold, Cancelled, Completed, EnteredInError, Stopped, Draft, Unknown }
    Intent { Proposal, Plan, Order, OriginalOrder, ReflexOrder, FillerOrder, InstanceOrder, Option }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MedicationRequest {
    status: RequestStatus,
    intent: Option<Intent>,
    #[serde(default)]
    do_not_perform: bool,
    medication_codeable_concept: Option<CodeableConcept>,
    medication_reference: Option<Reference>,
    #[serde(default)]
    contained: Vec<Contained>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    authored_on: Option<When>,
    requester: Option<Reference>,
    #[serde(default)]
    reason_code: Vec<CodeableConcept>,
    #[serde(default)]
    reason_reference: Vec<Reference>,
    #[serde(default)]
    note: Vec<Annotation>,
    #[serde(default)]
    dosage_instruction: Vec<Dosage>,
    #[serde(default)]
    dispense_request: DispenseRequest,
}

#[derive(Deserialize)]
struct Contained {
    id: Option<String>,
    code: Option<CodeableConcept>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dosage {
    text: Option<String>,
    patient_instruction: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DispenseRequest {
    validity_period: Span,
}

pub(crate) fn medication_request(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let request: MedicationRequest = draft.read()?;
    let patient_id = draft.subject(request.subject.as_ref(), "subject")?;
    let code = medication_code(draft, &request)?;
    let span = Span { start: request.authored_on, end: request.dispense_request.validity_period.end };
    let ended = last_day(draft, span, "dispenseRequest.validityPeriod.end", "authoredOn")?;
    let standing = request_standing(&request);
    let note = text::paragraphs(notes(&request.note));
    let dosage = dosage(&request.dosage_instruction);
    let prescriber_id = draft.provider(request.requester.iter().map(|requester| ("requester".to_owned(), requester)));

    let times = Times { made: request.authored_on, effective: request.authored_on };
    let mut record = record_of(draft, patient_id, RecordType::Prescription, times)?;
    title(&mut record, standing, [code.text.as_deref(), code.codings.iter().find_map(|coding| coding.display.as_deref())]);
    record.provider_id = prescriber_id;
    record.appointment_id = draft.visit(request.encounter.as_ref(), "encounter");
    record.codes = vec![code.clone()];
    record.treatment.clone_from(&dosage);
    record.notes.clone_from(&note);
    add(draft, record, standing);
    let (now, entry_id) = (draft.now, EntryId(draft.aggregate_id));
    let medication = Medication {
        code,
        status: medication_status(&request),
        dosage,
        reasons: reasons(&request),
        prescriber_id,
        onset: request.authored_on.map(|when| when.day),
        ended,
        note,
        record_id: Some(RecordId(draft.aggregate_id)),
    };
    remember(draft, patient_id, is_taken(&request), PatientCommand::RecordMedication { now, entry_id, medication });
    Ok(())
}

fn dosage(instructions: &[Dosage]) -> Option<Text> {
    text::listed(instructions.iter().flat_map(|dosage| [&dosage.text, &dosage.patient_instruction]).flatten().map(String::as_str))
}

/// Why it is taken: codes, and the words of references.
fn reasons(request: &MedicationRequest) -> Vec<Code> {
    let in_words = |reason: &Reference| CodeableConcept { coding: vec![], text: reason.display.clone() }.code();
    codes_of_all(&request.reason_code).into_iter().chain(request.reason_reference.iter().filter_map(in_words)).collect()
}

/// What is to be taken: as a code, as a Medication inside the request or of the import, or as the reference's words.
fn medication_code(draft: &Draft<'_>, request: &MedicationRequest) -> Result<Code, FieldError> {
    let Some(reference) = &request.medication_reference else {
        return required_code(request.medication_codeable_concept.as_ref(), "medicationCodeableConcept");
    };
    let inside = || {
        let id = reference.target.as_deref()?.strip_prefix('#')?;
        request.contained.iter().find(|one| one.id.as_deref() == Some(id))?.code.as_ref()?.code()
    };
    let in_words = || CodeableConcept { coding: vec![], text: reference.display.clone() }.code();
    let code = inside().or_else(|| draft.scope().medication(reference)).or_else(in_words);
    code.ok_or_else(|| FieldError::new("medicationReference.reference", "must name a Medication of the import that has a code"))
}

fn request_standing(request: &MedicationRequest) -> Standing {
    match request.status {
        RequestStatus::EnteredInError => Standing::InError,
        _ if request.do_not_perform => Standing::But("Not to be taken"),
        RequestStatus::Cancelled => Standing::But("Cancelled"),
        RequestStatus::Draft => Standing::But("Draft"),
        _ if matches!(request.intent, Some(Intent::Proposal | Intent::Option)) => Standing::But("Proposed"),
        RequestStatus::Active | RequestStatus::OnHold | RequestStatus::Completed | RequestStatus::Stopped | RequestStatus::Unknown => Standing::Holds,
    }
}

/// Whether it is the patient's medication: neither a ban nor a mere proposal.
fn is_taken(request: &MedicationRequest) -> bool {
    !request.do_not_perform && !matches!(request.intent, Some(Intent::Proposal | Intent::Option))
}

fn medication_status(request: &MedicationRequest) -> MedicationStatus {
    match request.status {
        RequestStatus::EnteredInError => MedicationStatus::EnteredInError,
        _ if !is_taken(request) => MedicationStatus::Cancelled,
        RequestStatus::Active => MedicationStatus::Active,
        RequestStatus::OnHold => MedicationStatus::OnHold,
        RequestStatus::Cancelled => MedicationStatus::Cancelled,
        RequestStatus::Completed => MedicationStatus::Completed,
        RequestStatus::Stopped => MedicationStatus::Stopped,
        RequestStatus::Draft | RequestStatus::Unknown => MedicationStatus::Unknown,
    }
}
