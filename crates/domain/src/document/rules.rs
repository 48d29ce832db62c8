//! Which commands are allowed, and what follows from them?

use super::{
    ChecksumStatus, Document, DocumentChecksumMismatched, DocumentChecksumVerified, DocumentError, DocumentEvent, DocumentProcessingCompleted,
    DocumentProcessingFailed, DocumentProcessingStarted, DocumentRegistered, DocumentRemoved, DocumentStatus, DocumentSuperseded, File, NewDocument,
};
use crate::{AccountId, DocumentId, Instant, ObjectId, PatientId, Reservation, Sha256, Text};

type Decision = Result<Vec<DocumentEvent>, DocumentError>;

impl NewDocument {
    /// Its source, as it is claimed.
    pub(super) fn claim(&self) -> Option<String> {
        self.source.as_ref().map(|source| Reservation::joined([source.system.as_str(), source.external_id.as_str()]))
    }
}

impl File {
    pub(super) fn new(document: &NewDocument) -> Self {
        Self {
            patient_id: document.patient_id,
            sha256: document.sha256.clone(),
            claim: document.claim(),
            checksum: ChecksumStatus::Unverified,
            status: DocumentStatus::Pending,
            superseded_by: None,
        }
    }
}

impl Document {
    /// About whom it is, or was until it was removed.
    pub fn patient_id(&self) -> Option<PatientId> {
        match self {
            Self::Absent => None,
            Self::Kept(file) => Some(file.patient_id),
            Self::Removed { patient_id } => Some(*patient_id),
        }
    }

    /// What is known of a document that is in use, superseded or not.
    pub fn file(&self) -> Option<&File> {
        match self {
            Self::Kept(file) => Some(file),
            Self::Absent | Self::Removed { .. } => None,
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut File)) -> Self {
        if let Self::Kept(file) = &mut self {
            change(file);
        }
        self
    }

    fn kept(&self) -> Result<&File, DocumentError> {
        match self {
            Self::Absent => Err(DocumentError::NotRegistered),
            Self::Removed { .. } => Err(DocumentError::Removed),
            Self::Kept(file) => Ok(file),
        }
    }

    pub(super) fn register(&self, now: Instant, document: NewDocument, object_id: ObjectId, account_id: AccountId) -> Decision {
        if *self != Self::Absent {
            return Err(DocumentError::AlreadyRegistered);
        }
        Ok(vec![DocumentRegistered { document, object_id, registered_by: account_id, registered_at: now }.into()])
    }

    /// A mismatch is kept, and kept for good: a file that was found to be another one must never look verified again because somebody
    /// asked once more.
    pub(super) fn verify_checksum(&self, now: Instant, found_sha256: Sha256, account_id: AccountId) -> Decision {
        let file = self.kept()?;
        let is_declared = file.sha256 == found_sha256;
        match file.checksum {
            ChecksumStatus::Unverified if is_declared => Ok(vec![DocumentChecksumVerified { verified_by: account_id, verified_at: now }.into()]),
            ChecksumStatus::Verified if is_declared => Ok(vec![]),
            ChecksumStatus::Mismatched if is_declared => Err(DocumentError::ChecksumMismatched),
            ChecksumStatus::Mismatched => Ok(vec![]),
            ChecksumStatus::Unverified | ChecksumStatus::Verified => {
                Ok(vec![DocumentChecksumMismatched { found_sha256, found_by: account_id, found_at: now }.into()])
            }
        }
    }

    /// Only what is verified is worked on: what is read from another file would be told of this patient.
    pub(super) fn start_processing(&self, now: Instant) -> Decision {
        let file = self.kept()?;
        match file.status {
            DocumentStatus::Pending | DocumentStatus::Failed => {}
            DocumentStatus::Processing => return Ok(vec![]),
            DocumentStatus::Completed => return Err(DocumentError::AlreadyProcessed),
            DocumentStatus::Archived => return Err(DocumentError::Superseded),
        }
        match file.checksum {
            ChecksumStatus::Verified => Ok(vec![DocumentProcessingStarted { started_at: now }.into()]),
            ChecksumStatus::Unverified => Err(DocumentError::NotVerified),
            ChecksumStatus::Mismatched => Err(DocumentError::ChecksumMismatched),
        }
    }

    pub(super) fn complete_processing(&self, now: Instant, extracted_text: Option<Text>) -> Decision {
        let file = self.kept()?;
        match file.status {
            // it may have been found out since the work began
            DocumentStatus::Processing if file.checksum == ChecksumStatus::Mismatched => Err(DocumentError::ChecksumMismatched),
            DocumentStatus::Processing => Ok(vec![DocumentProcessingCompleted { extracted_text, completed_at: now }.into()]),
            DocumentStatus::Completed => Err(DocumentError::AlreadyProcessed),
            DocumentStatus::Pending | DocumentStatus::Failed => Err(DocumentError::NotProcessing),
            DocumentStatus::Archived => Err(DocumentError::Superseded),
        }
    }

    pub(super) fn fail_processing(&self, now: Instant, processing_error: Text) -> Decision {
        match self.kept()?.status {
            DocumentStatus::Processing => Ok(vec![DocumentProcessingFailed { processing_error, failed_at: now }.into()]),
            DocumentStatus::Completed => Err(DocumentError::AlreadyProcessed),
            DocumentStatus::Pending | DocumentStatus::Failed => Err(DocumentError::NotProcessing),
            DocumentStatus::Archived => Err(DocumentError::Superseded),
        }
    }

    /// A document's place may be given to another one again: who named the wrong one names the right one. What takes a place has none
    /// in its own place, so there is always a last one.
    pub(super) fn supersede(&self, now: Instant, superseded_by: DocumentId, reason: Option<Text>, successor: &Self) -> Decision {
        let file = self.kept()?;
        if file.superseded_by == Some(superseded_by) {
            return Ok(vec![]);
        }
        if successor.patient_id().ok_or(DocumentError::UnknownSuccessor)? != file.patient_id {
            return Err(DocumentError::OtherPatient);
        }
        match successor.file() {
            Some(next) if next.superseded_by.is_none() && next.checksum != ChecksumStatus::Mismatched => {
                Ok(vec![DocumentSuperseded { superseded_by, reason, superseded_at: now }.into()])
            }
            Some(_) | None => Err(DocumentError::SuccessorOutOfUse),
        }
    }

    pub(super) fn remove(&self, now: Instant, reason: Text, account_id: AccountId) -> Decision {
        match self {
            Self::Absent => Err(DocumentError::NotRegistered),
            Self::Removed { .. } => Ok(vec![]),
            Self::Kept(_) => Ok(vec![DocumentRemoved { reason, removed_by: account_id, removed_at: now }.into()]),
        }
    }
}
