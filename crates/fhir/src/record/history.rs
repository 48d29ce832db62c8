//! Condition and AllergyIntolerance → a record, and an entry of the patient's history.

use anamnesis_domain::{
    Code, Date, EntryId, PatientId, RecordId,
    patient::{Allergy, AllergyCategory, AllergyStatus, Condition, ConditionStatus, Criticality, PatientCommand},
    record::RecordType,
};
use serde::Deserialize;

use super::{Standing, Times, add, record_of, required_code, title, words};
use crate::{
    Command,
    draft::Draft,
    elements::{Annotation, CodeableConcept, Reference, codes, codes_of_all, notes},
    error::FieldError,
    text,
    time::{Span, When},
};

codes! {
    ClinicalStatus { Active, Recurrence, Relapse, Inactive, Remission, Resolved }
    VerificationStatus { Unconfirmed, Provisional, Differential, Confirmed, Refuted, EnteredInError }
    FhirAllergyCategory { Food, Medication, Environment, Biologic }
    FhirCriticality { Low, High, UnableToAssess }
}

#[derive(Deserialize)]
#[serde(rename = "Condition", rename_all = "camelCase")]
struct FhirCondition {
    clinical_status: Option<Status<ClinicalStatus>>,
    verification_status: Option<Status<VerificationStatus>>,
    severity: Option<CodeableConcept>,
    code: Option<CodeableConcept>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    onset_date_time: Option<When>,
    #[serde(default)]
    onset_period: Span,
    abatement_date_time: Option<When>,
    #[serde(default)]
    abatement_period: Span,
    recorded_date: Option<When>,
    recorder: Option<Reference>,
    asserter: Option<Reference>,
    #[serde(default)]
    note: Vec<Annotation>,
}

/// A `CodeableConcept` whose codes are of a closed list.
#[derive(Deserialize)]
struct Status<C> {
    #[serde(default = "Vec::new")]
    coding: Vec<StatusCoding<C>>,
}

#[derive(Deserialize)]
struct StatusCoding<C> {
    code: C,
}

fn status<C: Copy>(status: Option<&Status<C>>) -> Option<C> {
    status.and_then(|status| status.coding.first()).map(|coding| coding.code)
}

/// Somebody looked into it, and it isn't so: no entry of a history.
const REFUTED: Standing = Standing::But("Refuted");

fn verified(status: Option<VerificationStatus>) -> Standing {
    match status {
        Some(VerificationStatus::EnteredInError) => Standing::InError,
        Some(VerificationStatus::Refuted) => REFUTED,
        Some(VerificationStatus::Unconfirmed | VerificationStatus::Provisional | VerificationStatus::Differential) => Standing::But("Unconfirmed"),
        Some(VerificationStatus::Confirmed) | None => Standing::Holds,
    }
}

/// Adds the entry to the patient's history; or, if it is none of theirs, takes back the one that an earlier import added.
pub(super) fn remember(draft: &mut Draft<'_>, patient_id: PatientId, is_theirs: bool, command: PatientCommand) {
    let (step, command) = ("history", Command::Patient(command));
    if is_theirs { draft.add_to(patient_id.0, step, command) } else { draft.withdraw_from(patient_id.0, step, command) }
}

pub(crate) fn condition(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let condition: FhirCondition = draft.read()?;
    let patient_id = draft.subject(condition.subject.as_ref(), "subject")?;
    let onset = condition.onset_date_time.or(condition.onset_period.start);
    let span = Span { start: onset, end: condition.abatement_date_time.or(condition.abatement_period.end) };
    let ended = last_day(draft, span, "abatementDateTime", "onsetDateTime")?;
    let code = required_code(condition.code.as_ref(), "code")?;
    let standing = verified(status(condition.verification_status.as_ref()));
    let note = text::paragraphs(notes(&condition.note));

    let mut record = record_of(draft, patient_id, RecordType::Diagnosis, Times { made: condition.recorded_date, effective: onset })?;
    title(&mut record, standing, [words(condition.code.as_ref())]);
    let said_by = [("recorder", &condition.recorder), ("asserter", &condition.asserter)];
    record.provider_id = draft.provider(said_by.into_iter().filter_map(|(path, one)| Some((path.to_owned(), one.as_ref()?))));
    record.appointment_id = draft.visit(condition.encounter.as_ref(), "encounter");
    record.diagnosis = text::text(record.title.as_str());
    record.codes = vec![code.clone()];
    record.notes.clone_from(&note);
    add(draft, record, standing);
    let (now, entry_id) = (draft.now, EntryId(draft.aggregate_id));
    let condition = Condition {
        code,
        status: condition_status(&condition, standing, span.end.is_some()),
        severity: condition.severity.as_ref().and_then(CodeableConcept::code),
        onset: onset.map(|when| when.day),
        ended,
        note,
        record_id: Some(RecordId(draft.aggregate_id)),
    };
    remember(draft, patient_id, standing != REFUTED, PatientCommand::RecordCondition { now, entry_id, condition });
    Ok(())
}

/// The day on which it ended. Refuses one that lies before its beginning; one that only seems to, because less of it is
/// known, is remarked.
pub(super) fn last_day(draft: &mut Draft<'_>, span: Span, path: &str, start_path: &str) -> Result<Option<Date>, FieldError> {
    if span.ends_days_before() {
        return Err(FieldError::new(path, format!("must not lie before {start_path}")));
    }
    let last_day = span.last_day();
    if last_day.is_none() && span.end.is_some() {
        draft.remark(path, format!("is too inexact beside {start_path} to have a place here"));
    }
    Ok(last_day)
}

/// As the source says; where it doesn't, by whether it has ended.
fn condition_status(condition: &FhirCondition, standing: Standing, has_ended: bool) -> ConditionStatus {
    if matches!(standing, Standing::InError | REFUTED) {
        return ConditionStatus::EnteredInError;
    }
    match status(condition.clinical_status.as_ref()) {
        Some(ClinicalStatus::Recurrence) => ConditionStatus::Recurrence,
        Some(ClinicalStatus::Relapse) => ConditionStatus::Relapse,
        Some(ClinicalStatus::Inactive) => ConditionStatus::Inactive,
        Some(ClinicalStatus::Remission) => ConditionStatus::Remission,
        Some(ClinicalStatus::Resolved) => ConditionStatus::Resolved,
        None if has_ended => ConditionStatus::Resolved,
        Some(ClinicalStatus::Active) | None => ConditionStatus::Active,
    }
}

codes! {
    AllergyClinicalStatus { Active, Inactive, Resolved }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AllergyIntolerance {
    clinical_status: Option<Status<AllergyClinicalStatus>>,
    verification_status: Option<Status<VerificationStatus>>,
    #[serde(default)]
    category: Vec<FhirAllergyCategory>,
    criticality: Option<FhirCriticality>,
    code: Option<CodeableConcept>,
    patient: Option<Reference>,
    encounter: Option<Reference>,
    onset_date_time: Option<When>,
    #[serde(default)]
    onset_period: Span,
    recorded_date: Option<When>,
    recorder: Option<Reference>,
    asserter: Option<Reference>,
    #[serde(default)]
    note: Vec<Annotation>,
    #[serde(default)]
    reaction: Vec<Reaction>,
}

#[derive(Deserialize)]
struct Reaction {
    #[serde(default)]
    manifestation: Vec<CodeableConcept>,
}

pub(crate) fn allergy(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let allergy: AllergyIntolerance = draft.read()?;
    let patient_id = draft.subject(allergy.patient.as_ref(), "patient")?;
    let onset = allergy.onset_date_time.or(allergy.onset_period.start);
    let code = required_code(allergy.code.as_ref(), "code")?;
    let standing = verified(status(allergy.verification_status.as_ref()));
    let note = text::paragraphs(notes(&allergy.note));
    let reactions: Vec<Code> = allergy.reaction.iter().flat_map(|reaction| codes_of_all(&reaction.manifestation)).collect();

    let mut record = record_of(draft, patient_id, RecordType::Allergy, Times { made: allergy.recorded_date, effective: onset })?;
    title(&mut record, standing, [words(allergy.code.as_ref())]);
    let said_by = [("recorder", &allergy.recorder), ("asserter", &allergy.asserter)];
    record.provider_id = draft.provider(said_by.into_iter().filter_map(|(path, one)| Some((path.to_owned(), one.as_ref()?))));
    record.appointment_id = draft.visit(allergy.encounter.as_ref(), "encounter");
    record.codes = vec![code.clone()];
    let reaction_words = allergy.reaction.iter().flat_map(|reaction| &reaction.manifestation).filter_map(CodeableConcept::words);
    record.symptoms = reaction_words.filter_map(text::text).collect();
    record.notes.clone_from(&note);
    add(draft, record, standing);
    let (now, entry_id) = (draft.now, EntryId(draft.aggregate_id));
    let allergy = Allergy {
        code,
        status: allergy_status(&allergy, standing),
        categories: allergy.category.iter().map(|category| allergy_category(*category)).collect(),
        criticality: allergy.criticality.map(criticality),
        reactions,
        onset: onset.map(|when| when.day),
        ended: None,
        note,
        record_id: Some(RecordId(draft.aggregate_id)),
    };
    remember(draft, patient_id, standing != REFUTED, PatientCommand::RecordAllergy { now, entry_id, allergy });
    Ok(())
}

fn allergy_status(allergy: &AllergyIntolerance, standing: Standing) -> AllergyStatus {
    if matches!(standing, Standing::InError | REFUTED) {
        return AllergyStatus::EnteredInError;
    }
    match status(allergy.clinical_status.as_ref()) {
        Some(AllergyClinicalStatus::Active) | None => AllergyStatus::Active,
        Some(AllergyClinicalStatus::Inactive) => AllergyStatus::Inactive,
        Some(AllergyClinicalStatus::Resolved) => AllergyStatus::Resolved,
    }
}

fn allergy_category(category: FhirAllergyCategory) -> AllergyCategory {
    match category {
        FhirAllergyCategory::Food => AllergyCategory::Food,
        FhirAllergyCategory::Medication => AllergyCategory::Medication,
        FhirAllergyCategory::Environment => AllergyCategory::Environment,
        FhirAllergyCategory::Biologic => AllergyCategory::Biologic,
    }
}

fn criticality(criticality: FhirCriticality) -> Criticality {
    match criticality {
        FhirCriticality::Low => Criticality::Low,
        FhirCriticality::High => Criticality::High,
        FhirCriticality::UnableToAssess => Criticality::UnableToAssess,
    }
}
