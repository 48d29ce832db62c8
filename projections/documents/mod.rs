//! Which files are there about a patient, are they what was declared, and what was read in them?

use anamnesis_domain::document::{
    ChecksumStatus, DocumentEvent, DocumentKind, DocumentRegistered, DocumentSource, DocumentStatus, FileName, MediaType,
};
use anamnesis_domain::{AccountId, AnyEvent, DocumentId, Instant, PatientId, Recorded, Sha256, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every document.
pub const DOCUMENTS: Projection = Projection {
    name: "documents",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<Documents>::TABLE],
};

text_columns!(DocumentKind, DocumentStatus, ChecksumStatus);

row! {
    /// A document. What was removed keeps its row, so that whoever has the id learns so.
    pub struct DocumentRow in "documents" key (document_id) {
        document_id: DocumentId,
        patient_id: PatientId,
        kind: DocumentKind,
        status: DocumentStatus,
        checksum_status: ChecksumStatus,
        is_removed: bool,
        file_name: Sealed<FileName>,
        media_type: String,
        size_bytes: i64,
        sha256: Sealed<Sha256>,
        storage_path: Sealed<String>,
        source: Option<Sealed<DocumentSource>>,
        registered_by: AccountId,
        registered_at: Instant,
        verified_by: Option<AccountId>,
        verified_at: Option<Instant>,
        mismatched_sha256: Option<Sealed<Sha256>>,
        mismatch_found_by: Option<AccountId>,
        mismatch_found_at: Option<Instant>,
        processing_started_at: Option<Instant>,
        processed_at: Option<Instant>,
        extracted_text: Option<Sealed<Text>>,
        processing_error: Option<Sealed<Text>>,
        superseded_by: Option<DocumentId>,
        superseded_at: Option<Instant>,
        supersession_reason: Option<Sealed<Text>>,
        removed_by: Option<AccountId>,
        removed_at: Option<Instant>,
        removal_reason: Option<Sealed<Text>>,
    }
}

/// The fold of `documents`.
pub struct Documents;

impl Fold for Documents {
    type Row = DocumentRow;
    const STREAMS: Streams = Streams::Of(&["document"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<DocumentRow>, event: &Recorded) {
        let Some(AnyEvent::Document(happened)) = event.event.value() else { return };
        if let DocumentEvent::DocumentRegistered(registered) = happened {
            rows.put(DocumentRow::new(event.aggregate_id.into(), registered));
        } else {
            rows.change(event.aggregate_id, |document| document.change(happened));
        }
    }
}

impl DocumentRow {
    fn new(document_id: DocumentId, DocumentRegistered { document, object_id, registered_by, registered_at }: &DocumentRegistered) -> Self {
        Self {
            document_id,
            patient_id: document.patient_id,
            kind: document.kind,
            status: DocumentStatus::Pending,
            checksum_status: ChecksumStatus::Unverified,
            is_removed: false,
            file_name: Sealed::new(document.file_name.clone()),
            media_type: MediaType::as_str(&document.media_type).to_owned(),
            size_bytes: document.size_bytes.into(),
            sha256: Sealed::new(document.sha256.clone()),
            storage_path: Sealed::new(document.storage_path(*object_id)),
            source: seal(document.source.as_ref()),
            registered_by: *registered_by,
            registered_at: *registered_at,
            verified_by: None,
            verified_at: None,
            mismatched_sha256: None,
            mismatch_found_by: None,
            mismatch_found_at: None,
            processing_started_at: None,
            processed_at: None,
            extracted_text: None,
            processing_error: None,
            superseded_by: None,
            superseded_at: None,
            supersession_reason: None,
            removed_by: None,
            removed_at: None,
            removal_reason: None,
        }
    }

    fn change(&mut self, happened: &DocumentEvent) {
        match happened {
            DocumentEvent::DocumentChecksumVerified(verified) => {
                self.checksum_status = ChecksumStatus::Verified;
                (self.verified_by, self.verified_at) = (Some(verified.verified_by), Some(verified.verified_at));
            }
            DocumentEvent::DocumentChecksumMismatched(mismatched) => {
                self.checksum_status = ChecksumStatus::Mismatched;
                // it was read from another file, maybe another patient's
                self.extracted_text = None;
                self.mismatched_sha256 = Some(Sealed::new(mismatched.found_sha256.clone()));
                (self.mismatch_found_by, self.mismatch_found_at) = (Some(mismatched.found_by), Some(mismatched.found_at));
            }
            DocumentEvent::DocumentProcessingStarted(started) => {
                (self.status, self.processing_started_at) = (DocumentStatus::Processing, Some(started.started_at));
            }
            DocumentEvent::DocumentProcessingCompleted(completed) => {
                (self.status, self.processed_at) = (DocumentStatus::Completed, Some(completed.completed_at));
                (self.extracted_text, self.processing_error) = (seal(completed.extracted_text.as_ref()), None);
            }
            DocumentEvent::DocumentProcessingFailed(failed) => {
                (self.status, self.processing_error) = (DocumentStatus::Failed, Some(Sealed::new(failed.processing_error.clone())));
            }
            DocumentEvent::DocumentSuperseded(superseded) => {
                (self.status, self.superseded_by) = (DocumentStatus::Archived, Some(superseded.superseded_by));
                (self.superseded_at, self.supersession_reason) = (Some(superseded.superseded_at), seal(superseded.reason.as_ref()));
            }
            DocumentEvent::DocumentRemoved(removed) => {
                (self.is_removed, self.removed_by, self.removed_at) = (true, Some(removed.removed_by), Some(removed.removed_at));
                self.removal_reason = Some(Sealed::new(removed.reason.clone()));
            }
            // makes a row
            DocumentEvent::DocumentRegistered(_) => {}
        }
    }
}
