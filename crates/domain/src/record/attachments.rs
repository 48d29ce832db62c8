//! Which documents belong to a record?

use super::{DocumentAttached, DocumentDetached, Record, RecordError, RecordEvent, RecordStatus};
use crate::document::{ChecksumStatus, Document};
use crate::{DocumentId, Instant, PatientId, Text};

#[cfg(test)]
mod tests;

/// The most documents that may belong to a record.
const MAX_ATTACHMENTS: usize = 100;

type Decision = Result<Vec<RecordEvent>, RecordError>;

impl Record {
    pub(super) fn attached(mut self, document_id: DocumentId) -> Self {
        if let Self::Written { attachments, .. } = &mut self {
            attachments.push(document_id);
        }
        self
    }

    pub(super) fn detached(mut self, document_id: DocumentId) -> Self {
        if let Self::Written { attachments, .. } = &mut self {
            attachments.retain(|attached| *attached != document_id);
        }
        self
    }

    /// Whose record it is, and what belongs to it, as long as it can be changed.
    fn attachments(&self) -> Result<(PatientId, &[DocumentId]), RecordError> {
        if self.written()? == RecordStatus::Archived {
            return Err(RecordError::Archived);
        }
        match self {
            Self::Written { record, attachments, .. } => Ok((record.patient_id, attachments)),
            Self::Absent | Self::EnteredInError { .. } => Err(RecordError::NotCreated),
        }
    }

    pub(super) fn attach_document(&self, now: Instant, document_id: DocumentId, document: &Document) -> Decision {
        let (patient_id, attachments) = self.attachments()?;
        if attachments.contains(&document_id) {
            return Ok(vec![]);
        }
        check(patient_id, document)?;
        if attachments.len() >= MAX_ATTACHMENTS {
            return Err(RecordError::TooManyAttachments);
        }
        Ok(vec![DocumentAttached { document_id, attached_at: now }.into()])
    }

    pub(super) fn detach_document(&self, now: Instant, document_id: DocumentId, reason: Text) -> Decision {
        let (_, attachments) = self.attachments()?;
        let is_attached = attachments.contains(&document_id);
        Ok(is_attached.then(|| DocumentDetached { document_id, reason, detached_at: now }.into()).into_iter().collect())
    }
}

/// Whether it can belong to a record of that patient. Nothing is said of what became of another patient's document.
fn check(patient_id: PatientId, document: &Document) -> Result<(), RecordError> {
    if document.patient_id().ok_or(RecordError::UnknownDocument)? != patient_id {
        return Err(RecordError::DocumentOfOtherPatient);
    }
    match document.file() {
        None => Err(RecordError::DocumentRemoved),
        Some(file) if file.checksum == ChecksumStatus::Mismatched => Err(RecordError::DocumentMismatched),
        Some(_) => Ok(()),
    }
}
