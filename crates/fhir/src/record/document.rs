//! DiagnosticReport and DocumentReference → a record with the text that is attached to them.

use anamnesis_domain::{Text, record::RecordType};
use base64::{Engine as _, alphabet, engine};
use serde::Deserialize;

use super::{Standing, Times, add, record_of, required_code, title, words};
use crate::{
    draft::{Draft, each},
    elements::{CodeableConcept, Reference, codes, codes_of_all},
    error::FieldError,
    text,
    time::{Span, When},
};

/// Base64 as files have it: padded or not.
const BASE64: engine::GeneralPurpose = engine::GeneralPurpose::new(
    &alphabet::STANDARD,
    engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
);

codes! {
    ReportStatus { Registered, Partial, Preliminary, Final, Amended, Corrected, Appended, Cancelled, EnteredInError, Unknown }
    ReferenceStatus { Current, Superseded, EnteredInError }
    DocumentStatus { Preliminary, Final, Amended, EnteredInError }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Attachment {
    content_type: Option<String>,
    data: Option<String>,
    title: Option<String>,
}

impl Attachment {
    /// Its text, if it is one. A broken one is an error, since its text would be lost.
    fn text(&self, path: &str) -> Result<Option<String>, FieldError> {
        let Some(data) = self.data.as_ref().filter(|_| self.is_text()) else { return Ok(None) };
        let data: String = data.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(data).map_err(|_| FieldError::new(format!("{path}.data"), "must be base64"))?;
        if self.is_latin() {
            return Ok(Some(bytes.iter().map(|byte| char::from(*byte)).collect()));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| FieldError::new(format!("{path}.data"), "must be text in UTF-8, as its contentType says"))
    }

    fn is_text(&self) -> bool {
        self.content_type.as_ref().is_some_and(|media_type| media_type.to_ascii_lowercase().starts_with("text/"))
    }

    fn is_latin(&self) -> bool {
        let media_type = self.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        media_type.contains("iso-8859-1") || media_type.contains("latin1")
    }
}

/// The texts of all attachments; a remark where they are too long to stand in a field.
fn text_of(draft: &mut Draft<'_>, attachments: &[(String, &Attachment)]) -> Result<Option<Text>, FieldError> {
    let mut texts = Vec::new();
    for (path, attachment) in attachments {
        texts.extend(attachment.text(path)?);
    }
    let whole = text::paragraphs(texts.iter().map(String::as_str));
    if whole.is_none() && texts.iter().any(|text| !text.trim().is_empty()) {
        draft.remark(attachments.first().map_or("", |(path, _)| path), "is too long for the notes; it is in the content only");
    }
    Ok(whole)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiagnosticReport {
    status: ReportStatus,
    #[serde(default)]
    category: Vec<CodeableConcept>,
    code: Option<CodeableConcept>,
    subject: Option<Reference>,
    encounter: Option<Reference>,
    effective_date_time: Option<When>,
    #[serde(default)]
    effective_period: Span,
    issued: Option<When>,
    #[serde(default)]
    performer: Vec<Reference>,
    #[serde(default)]
    results_interpreter: Vec<Reference>,
    conclusion: Option<String>,
    #[serde(default)]
    conclusion_code: Vec<CodeableConcept>,
    #[serde(default)]
    presented_form: Vec<Attachment>,
}

pub(crate) fn diagnostic_report(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let report: DiagnosticReport = draft.read()?;
    let patient_id = draft.subject(report.subject.as_ref(), "subject")?;
    let effective = report.effective_date_time.or(report.effective_period.start);
    let mut record = record_of(draft, patient_id, RecordType::DiagnosticReport, Times { made: report.issued, effective })?;
    let standing = report_standing(report.status);
    let category = report.category.iter().find_map(CodeableConcept::words);
    title(&mut record, standing, [words(report.code.as_ref()), category]);
    let performers = each(&report.performer, "performer").into_iter().chain(each(&report.results_interpreter, "resultsInterpreter"));
    record.provider_id = draft.provider(performers);
    record.appointment_id = draft.visit(report.encounter.as_ref(), "encounter");
    record.codes = std::iter::once(required_code(report.code.as_ref(), "code")?).chain(codes_of_all(&report.category)).collect();
    let codes = report.conclusion_code.iter().filter_map(CodeableConcept::words);
    record.diagnosis = text::listed(report.conclusion.as_deref().into_iter().chain(codes));
    let forms: Vec<_> = report.presented_form.iter().enumerate().map(|(at, form)| (format!("presentedForm[{at}]"), form)).collect();
    record.notes = text_of(draft, &forms)?;
    add(draft, record, standing);
    Ok(())
}

fn report_standing(status: ReportStatus) -> Standing {
    match status {
        ReportStatus::Registered | ReportStatus::Partial | ReportStatus::Preliminary => Standing::But("Preliminary"),
        ReportStatus::Cancelled => Standing::But("Cancelled"),
        ReportStatus::EnteredInError => Standing::InError,
        ReportStatus::Final | ReportStatus::Amended | ReportStatus::Corrected | ReportStatus::Appended | ReportStatus::Unknown => Standing::Holds,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentReference {
    status: ReferenceStatus,
    doc_status: Option<DocumentStatus>,
    r#type: Option<CodeableConcept>,
    #[serde(default)]
    category: Vec<CodeableConcept>,
    subject: Option<Reference>,
    date: Option<When>,
    #[serde(default)]
    author: Vec<Reference>,
    description: Option<String>,
    #[serde(default)]
    content: Vec<DocumentContent>,
    #[serde(default)]
    context: DocumentContext,
}

#[derive(Deserialize)]
struct DocumentContent {
    #[serde(default)]
    attachment: Attachment,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DocumentContext {
    encounter: Vec<Reference>,
    period: Span,
}

pub(crate) fn document_reference(draft: &mut Draft<'_>) -> Result<(), FieldError> {
    let document: DocumentReference = draft.read()?;
    let patient_id = draft.subject(document.subject.as_ref(), "subject")?;
    let times = Times { made: document.date, effective: document.context.period.start };
    let mut record = record_of(draft, patient_id, RecordType::ClinicalNote, times)?;
    let standing = document_standing(document.status, document.doc_status);
    let attached = document.content.iter().find_map(|content| content.attachment.title.as_deref());
    title(&mut record, standing, [words(document.r#type.as_ref()), document.description.as_deref(), attached]);
    record.provider_id = draft.provider(each(&document.author, "author"));
    record.appointment_id = draft.visit(document.context.encounter.first(), "context.encounter[0]");
    record.codes = document.r#type.iter().filter_map(CodeableConcept::code).chain(codes_of_all(&document.category)).collect();
    record.description = document.description.as_deref().and_then(text::text);
    let contents = document.content.iter().enumerate().map(|(at, content)| (format!("content[{at}].attachment"), &content.attachment));
    record.notes = text_of(draft, &contents.collect::<Vec<_>>())?;
    add(draft, record, standing);
    Ok(())
}

/// By the status of the reference, and of the document that it means.
fn document_standing(reference: ReferenceStatus, document: Option<DocumentStatus>) -> Standing {
    match (reference, document) {
        (ReferenceStatus::EnteredInError, _) | (_, Some(DocumentStatus::EnteredInError)) => Standing::InError,
        (ReferenceStatus::Superseded, _) => Standing::But("Superseded"),
        (ReferenceStatus::Current, Some(DocumentStatus::Preliminary)) => Standing::But("Preliminary"),
        (ReferenceStatus::Current, Some(DocumentStatus::Final | DocumentStatus::Amended) | None) => Standing::Holds,
    }
}
