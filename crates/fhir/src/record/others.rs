//! Procedure, Immunization, ImagingStudy and CarePlan → a record each.

use anamnesis_domain::record::RecordType;
use serde::Deserialize;

use super::{Standing, Times, add, record_of, required_code, title, words};
use crate::{
    draft::{Draft, each},
    elements::{Annotation, CodeableConcept, FhirCoding, Reference, codes, codes_of_all, notes},
    error::FieldError,
    text,
    time::{Span, When},
};

codes! {
    EventStatus { Preparation, InProgress, NotDone, OnHold, Stopped, Completed, EnteredInError, Unknown }
    StudyStatus { Registered, Available, Cancelled, EnteredInError, Unknown }
    PlanStatus { Draft, Active, OnHold, Revoked, Completed, EnteredInError, Unknown }
}

#[derive(Deserialize)]
struct Performer {
    actor: Option<Reference>,
}

fn actors(performers: &[Performer]) -> impl Iterator<Item = (String, &Reference)> {
    performers.iter().enumerate().filter_map(|(at, performer)| Some((format!("performer[{at}].actor"), performer.actor.as_ref()?)))
}

fn event_standing(status: EventStatus) -> Standing {
    match status {
        EventStatus::NotDone => Standing::But("Not done"),
        EventStatus::Preparation => Standing::But("Planned"),
        EventStatus::Stopped => Standing::But("Stopped"),
        EventStatus::EnteredInError => Standing::InError,
        EventStatus::InProgress | EventStatus::OnHold | EventStatus::Completed | EventStatus::Unknown => Standing::Holds,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Procedure {
    status: EventStatus,
    code: Option<CodeableConcept>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    performed_date_time: Option<When>,
    #[serde(default)]
    performed_period: Span,
    recorder: Option<Reference>,
    #[serde(default)]
    performer: Vec<Performer>,
    #[serde(default)]
    reason_code: Vec<CodeableConcept>,
    #[serde(default)]
    reason_reference: Vec<Reference>,
    outcome: Option<CodeableConcept>,
    #[serde(default)]
    note: Vec<Annotation>,
}

pub(crate) fn procedure(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let procedure: Procedure = draft.read()?;
    let patient_id = draft.subject(procedure.subject.as_ref(), "subject")?;
    let effective = procedure.performed_date_time.or(procedure.performed_period.start);
    let mut record = record_of(draft, patient_id, RecordType::Procedure, Times { made: None, effective })?;
    let standing = event_standing(procedure.status);
    title(&mut record, standing, [words(procedure.code.as_ref())]);
    let recorder = procedure.recorder.iter().map(|recorder| ("recorder".to_owned(), recorder));
    record.provider_id = draft.provider(actors(&procedure.performer).chain(recorder));
    record.appointment_id = draft.visit(procedure.encounter.as_ref(), "encounter");
    record.codes = vec![required_code(procedure.code.as_ref(), "code")?];
    let reasons = procedure.reason_code.iter().filter_map(CodeableConcept::words);
    let named = procedure.reason_reference.iter().filter_map(|reason| reason.display.as_deref());
    record.diagnosis = text::listed(reasons.chain(named));
    record.description = words(procedure.outcome.as_ref()).and_then(text::text);
    record.notes = text::paragraphs(notes(&procedure.note));
    add(draft, record, standing);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Immunization {
    status: EventStatus,
    vaccine_code: Option<CodeableConcept>,
    patient: Option<Reference>,
    encounter: Option<Reference>,
    occurrence_date_time: Option<When>,
    occurrence_string: Option<String>,
    recorded: Option<When>,
    #[serde(default)]
    performer: Vec<Performer>,
    #[serde(default)]
    note: Vec<Annotation>,
}

pub(crate) fn immunization(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let immunization: Immunization = draft.read()?;
    let patient_id = draft.subject(immunization.patient.as_ref(), "patient")?;
    let times = Times { made: immunization.recorded, effective: immunization.occurrence_date_time };
    let mut record = record_of(draft, patient_id, RecordType::Immunization, times)?;
    let standing = event_standing(immunization.status);
    title(&mut record, standing, [words(immunization.vaccine_code.as_ref())]);
    record.provider_id = draft.provider(actors(&immunization.performer));
    record.appointment_id = draft.visit(immunization.encounter.as_ref(), "encounter");
    record.codes = vec![required_code(immunization.vaccine_code.as_ref(), "vaccineCode")?];
    record.description = immunization.occurrence_string.as_deref().and_then(text::text);
    record.notes = text::paragraphs(notes(&immunization.note));
    add(draft, record, standing);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImagingStudy {
    status: StudyStatus,
    #[serde(default)]
    modality: Vec<FhirCoding>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    started: Option<When>,
    referrer: Option<Reference>,
    #[serde(default)]
    interpreter: Vec<Reference>,
    #[serde(default)]
    procedure_code: Vec<CodeableConcept>,
    #[serde(default)]
    reason_code: Vec<CodeableConcept>,
    #[serde(default)]
    note: Vec<Annotation>,
    description: Option<String>,
    #[serde(default)]
    series: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    modality: Option<FhirCoding>,
    body_site: Option<FhirCoding>,
}

pub(crate) fn imaging_study(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let study: ImagingStudy = draft.read()?;
    let patient_id = draft.subject(study.subject.as_ref(), "subject")?;
    let mut record = record_of(draft, patient_id, RecordType::Imaging, Times { made: None, effective: study.started })?;
    let standing = match study.status {
        StudyStatus::Cancelled => Standing::But("Cancelled"),
        StudyStatus::Registered => Standing::But("Registered"),
        StudyStatus::EnteredInError => Standing::InError,
        StudyStatus::Available | StudyStatus::Unknown => Standing::Holds,
    };
    title(&mut record, standing, [study.procedure_code.iter().find_map(CodeableConcept::words), study.description.as_deref()]);
    let referrer = study.referrer.iter().map(|referrer| ("referrer".to_owned(), referrer));
    record.provider_id = draft.provider(each(&study.interpreter, "interpreter").into_iter().chain(referrer));
    record.appointment_id = draft.visit(study.encounter.as_ref(), "encounter");
    record.codes = study_codes(&study);
    record.description = study.description.as_deref().and_then(text::text);
    record.diagnosis = text::listed(study.reason_code.iter().filter_map(CodeableConcept::words));
    record.notes = text::paragraphs(notes(&study.note));
    add(draft, record, standing);
    Ok(())
}

/// What was done, by which means and where in the body; each once.
fn study_codes(study: &ImagingStudy) -> Vec<anamnesis_domain::Code> {
    let series = study.series.iter().flat_map(|series| [&series.modality, &series.body_site]).flatten();
    let codings = study.modality.iter().chain(series).filter_map(FhirCoding::coding);
    let mut codes = codes_of_all(&study.procedure_code);
    for code in codings.map(|coding| anamnesis_domain::Code { codings: vec![coding], text: None }) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CarePlan {
    status: PlanStatus,
    #[serde(default)]
    category: Vec<CodeableConcept>,
    title: Option<String>,
    description: Option<String>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    #[serde(default)]
    period: Span,
    created: Option<When>,
    author: Option<Reference>,
    #[serde(default)]
    activity: Vec<Activity>,
    #[serde(default)]
    note: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Activity {
    #[serde(default)]
    detail: ActivityDetail,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ActivityDetail {
    code: Option<CodeableConcept>,
    description: Option<String>,
}

impl ActivityDetail {
    fn words(&self) -> Option<&str> {
        self.description.as_deref().or_else(|| words(self.code.as_ref()))
    }
}

pub(crate) fn care_plan(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let plan: CarePlan = draft.read()?;
    let patient_id = draft.subject(plan.subject.as_ref(), "subject")?;
    let times = Times { made: plan.created, effective: plan.period.start };
    let mut record = record_of(draft, patient_id, RecordType::CarePlan, times)?;
    let standing = match plan.status {
        PlanStatus::Draft => Standing::But("Draft"),
        PlanStatus::Revoked => Standing::But("Revoked"),
        PlanStatus::EnteredInError => Standing::InError,
        PlanStatus::Active | PlanStatus::OnHold | PlanStatus::Completed | PlanStatus::Unknown => Standing::Holds,
    };
    let in_words = |category: &&CodeableConcept| category.text.is_some() || category.coding.iter().any(|coding| coding.display.is_some());
    let category = plan.category.iter().find(in_words).or(plan.category.first());
    title(&mut record, standing, [plan.title.as_deref(), words(category), plan.description.as_deref()]);
    record.provider_id = draft.provider(plan.author.iter().map(|author| ("author".to_owned(), author)));
    record.appointment_id = draft.visit(plan.encounter.as_ref(), "encounter");
    record.codes = codes_of_all(&plan.category);
    record.description = plan.description.as_deref().and_then(text::text);
    record.treatment = text::listed(plan.activity.iter().filter_map(|activity| activity.detail.words()));
    record.notes = text::paragraphs(notes(&plan.note));
    add(draft, record, standing);
    Ok(())
}
