//! What is written down about a patient, of which kind, when, and does it still hold?

use anamnesis_domain::record::{
    Finding, NewRecord, RecordContent, RecordEvent, RecordSource, RecordStatus, RecordSummarized, RecordType, SummaryType,
};
use anamnesis_domain::{
    AnyEvent, AppointmentId, ClinicalValue, Code, Date, DocumentId, Instant, JsonText, Line, PatientId, ProviderId, RecordId, Recorded, Sha256, Text,
};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;

use documents::RecordDocuments;
use summaries::RecordSummaries;
use words::RecordWords;

pub mod documents;
pub mod summaries;
#[cfg(test)]
mod tests;
pub mod words;

/// Every medical record in its newest version.
pub const RECORDS: Projection = Projection {
    name: "records",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 8,
    tables: &[&Of::<Records>::TABLE, &Of::<RecordWords>::TABLE, &Of::<RecordDocuments>::TABLE, &Of::<RecordSummaries>::TABLE],
};

text_columns!(RecordType, RecordStatus, SummaryType);

row! {
    /// A medical record. What was entered in error keeps its row, so that whoever has the id learns so.
    pub struct RecordRow in "medical_records" key (record_id) {
        record_id: RecordId,
        patient_id: PatientId,
        provider_id: Option<ProviderId>,
        appointment_id: Option<AppointmentId>,
        record_type: RecordType,
        status: RecordStatus,
        is_entered_in_error: bool,
        record_date: Instant,
        visit_date: Option<Date>,
        effective_at: Option<Instant>,
        codes: Vec<String>,
        title: Sealed<Line>,
        description: Option<Sealed<Text>>,
        coding: Option<Sealed<Vec<Code>>>,
        value: Option<Sealed<ClinicalValue>>,
        components: Option<Sealed<Vec<Finding>>>,
        diagnosis: Option<Sealed<Text>>,
        symptoms: Option<Sealed<Vec<Text>>>,
        treatment: Option<Sealed<Text>>,
        medications: Option<Sealed<JsonText>>,
        lab_results: Option<Sealed<JsonText>>,
        imaging_results: Option<Sealed<JsonText>>,
        notes: Option<Sealed<Text>>,
        content: Option<Sealed<RecordContent>>,
        source: Option<Sealed<RecordSource>>,
        version: i32,
        amended_at: Option<Instant>,
        amendment_reason: Option<Sealed<Text>>,
        signed_by: Vec<ProviderId>,
        signed_at: Option<Instant>,
        signed_sha256: Option<Sealed<Sha256>>,
        summaries: Option<Sealed<Vec<RecordSummarized>>>,
        summary_types: Vec<SummaryType>,
        attachments: Vec<DocumentId>,
        processing_error: Option<Sealed<Text>>,
        archived_at: Option<Instant>,
        archival_reason: Option<Sealed<Text>>,
        restored_at: Option<Instant>,
        restoration_reason: Option<Sealed<Text>>,
        entered_in_error_at: Option<Instant>,
        entered_in_error_reason: Option<Sealed<Text>>,
        written_at: Instant,
    }
}

/// The fold of `medical_records`.
pub struct Records;

impl Fold for Records {
    type Row = RecordRow;
    const STREAMS: Streams = Streams::Of(&["record"]);
    const OPENED: &'static [&'static str] = &["summaries"];

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<RecordRow>, event: &Recorded) {
        let Some(AnyEvent::Record(happened)) = event.event.value() else { return };
        if let RecordEvent::RecordCreated(created) = happened {
            rows.put(RecordRow::new(event.aggregate_id.into(), &created.record, created.status, created.created_at));
        } else {
            rows.change(event.aggregate_id, |record| record.change(happened));
        }
    }
}

impl RecordRow {
    fn new(record_id: RecordId, record: &NewRecord, status: RecordStatus, written_at: Instant) -> Self {
        Self {
            record_id,
            patient_id: record.patient_id,
            provider_id: record.provider_id,
            appointment_id: record.appointment_id,
            record_type: record.record_type,
            status,
            is_entered_in_error: false,
            record_date: record.record_date,
            visit_date: record.visit_date,
            effective_at: record.effective_at,
            codes: normal::codes(&record.codes),
            title: Sealed::new(record.title.clone()),
            description: seal(record.description.as_ref()),
            coding: seal_list(&record.codes),
            value: seal(record.value.as_ref()),
            components: seal_list(&record.components),
            diagnosis: seal(record.diagnosis.as_ref()),
            symptoms: seal_list(&record.symptoms),
            treatment: seal(record.treatment.as_ref()),
            medications: seal(record.medications.as_ref()),
            lab_results: seal(record.lab_results.as_ref()),
            imaging_results: seal(record.imaging_results.as_ref()),
            notes: seal(record.notes.as_ref()),
            content: seal(record.content.as_ref()),
            source: seal(record.source.as_ref()),
            version: 1,
            amended_at: None,
            amendment_reason: None,
            signed_by: Vec::new(),
            signed_at: None,
            signed_sha256: None,
            summaries: None,
            summary_types: Vec::new(),
            attachments: Vec::new(),
            processing_error: None,
            archived_at: None,
            archival_reason: None,
            restored_at: None,
            restoration_reason: None,
            entered_in_error_at: None,
            entered_in_error_reason: None,
            written_at,
        }
    }

    fn change(&mut self, happened: &RecordEvent) {
        match happened {
            RecordEvent::RecordProcessingStarted(_) => self.status = RecordStatus::Processing,
            RecordEvent::RecordProcessingCompleted(_) => (self.status, self.processing_error) = (RecordStatus::Completed, None),
            RecordEvent::RecordProcessingFailed(failed) => {
                (self.status, self.processing_error) = (RecordStatus::Failed, Some(Sealed::new(failed.processing_error.clone())));
            }
            RecordEvent::RecordAmended(amended) => {
                // a signature holds for the version that was signed
                *self = Self {
                    version: amended.version.into(),
                    amended_at: Some(amended.amended_at),
                    amendment_reason: Some(Sealed::new(amended.reason.clone())),
                    summaries: self.summaries.clone(),
                    summary_types: self.summary_types.clone(),
                    attachments: self.attachments.clone(),
                    processing_error: self.processing_error.clone(),
                    restored_at: self.restored_at,
                    restoration_reason: self.restoration_reason.clone(),
                    ..Self::new(self.record_id, &amended.record, self.status, self.written_at)
                };
            }
            RecordEvent::RecordSigned(signed) => {
                self.signed_by.push(signed.provider_id);
                (self.signed_at, self.signed_sha256) = (Some(signed.signed_at), seal(signed.content_sha256.as_ref()));
            }
            RecordEvent::RecordSummarized(summarized) => {
                match &mut self.summaries {
                    Some(summaries) => summaries.change(|kept| kept.push(summarized.clone())),
                    None => self.summaries = Some(Sealed::new(vec![summarized.clone()])),
                }
                self.summary_types.push(summarized.summary.summary_type);
                self.summary_types.sort_unstable();
                self.summary_types.dedup();
            }
            RecordEvent::DocumentAttached(attached) => self.attachments.push(attached.document_id),
            RecordEvent::DocumentDetached(detached) => self.attachments.retain(|attached| *attached != detached.document_id),
            RecordEvent::RecordArchived(archived) => {
                (self.status, self.archived_at) = (RecordStatus::Archived, Some(archived.archived_at));
                self.archival_reason = seal(archived.reason.as_ref());
            }
            RecordEvent::RecordRestored(restored) => {
                (self.status, self.archived_at, self.archival_reason) = (restored.status, None, None);
                (self.restored_at, self.restoration_reason) = (Some(restored.restored_at), Some(Sealed::new(restored.reason.clone())));
            }
            RecordEvent::RecordEnteredInError(wrong) => {
                (self.is_entered_in_error, self.entered_in_error_at) = (true, Some(wrong.marked_at));
                self.entered_in_error_reason = Some(Sealed::new(wrong.reason.clone()));
            }
            // makes a row
            RecordEvent::RecordCreated(_) => {}
        }
    }
}
