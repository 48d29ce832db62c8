//! Which file is there about a patient, is it what was declared, and does it still count?
//! `Absent → Pending → Processing → Completed | Failed`, from each `→ Archived` when superseded, and from everywhere `→ Removed`, for good

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, DocumentId, Ground, Grounds, Instant, ObjectId, PatientId, Reservation, Sha256, Subject, Text, events::events,
    redact::redacted, refusal::refusals,
};

mod details;
mod payloads;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod tests;

pub use details::{ChecksumStatus, DocumentKind, DocumentSource, DocumentStatus, FileName, FileSize, MediaType, NewDocument};
pub use payloads::*;

events! {
    /// What can have happened to a document.
    pub enum DocumentEvent {
        DocumentRegistered(DocumentRegistered) = 1,
        DocumentChecksumVerified(DocumentChecksumVerified) = 1,
        DocumentChecksumMismatched(DocumentChecksumMismatched) = 1,
        DocumentProcessingStarted(DocumentProcessingStarted) = 1,
        DocumentProcessingCompleted(DocumentProcessingCompleted) = 1,
        DocumentProcessingFailed(DocumentProcessingFailed) = 1,
        DocumentSuperseded(DocumentSuperseded) = 1,
        DocumentRemoved(DocumentRemoved) = 1,
    }
}

/// A document's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Document {
    /// Not registered yet.
    #[default]
    Absent,
    /// Registered.
    Kept(Box<File>),
    /// To be used no more; for good.
    Removed {
        /// About whom it was.
        patient_id: PatientId,
    },
}

/// What decisions on a document need to know of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// About whom.
    pub patient_id: PatientId,
    /// The digest that was declared.
    sha256: Sha256,
    /// What its source is claimed as.
    claim: Option<String>,
    /// Whether the stored bytes are what was declared.
    pub checksum: ChecksumStatus,
    /// Where it is on its way.
    pub status: DocumentStatus,
    /// Which document took its place.
    pub superseded_by: Option<DocumentId>,
}

redacted!(Document, File);

/// What can be asked of a document. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum DocumentCommand {
    /// Register a file; `object_id` is random.
    Register { now: Instant, document: Box<NewDocument>, object_id: ObjectId, account_id: AccountId },
    /// Compare the digest of the stored bytes with the declared one.
    VerifyChecksum { now: Instant, found_sha256: Sha256, account_id: AccountId },
    /// Begin to work on it.
    StartProcessing { now: Instant },
    /// Say that the work is done, and what could be read.
    CompleteProcessing { now: Instant, extracted_text: Option<Text> },
    /// Say why the work can't be done.
    FailProcessing { now: Instant, processing_error: Text },
    /// Put another document in the place of this one, which is `id`.
    Supersede { now: Instant, id: DocumentId, superseded_by: DocumentId, reason: Option<Text> },
    /// Let it be used no more.
    Remove { now: Instant, reason: Text, account_id: AccountId },
}

redacted!(DocumentCommand);

refusals! {
    /// Which rule on documents says no.
    pub enum DocumentError {
        AlreadyRegistered = "already_registered", State, "this document was already registered";
        NotRegistered = "not_registered", State, "this document was never registered";
        Removed = "removed", State, "this document was removed";
        Superseded = "superseded", State, "another document took the place of this one";
        ChecksumMismatched = "checksum_mismatched", State, "the stored file is not the one that was declared; register the right one anew";
        NotVerified = "not_verified", State, "nobody has verified yet that the stored file is the one that was declared";
        AlreadyProcessed = "already_processed", State, "this document is already processed";
        NotProcessing = "not_processing", State, "this document is not being processed";
        SuccessorOutOfUse = "successor_out_of_use", State, "superseded_by names a document that is removed, superseded, or not the file that was declared";
        OwnSuccessor = "own_successor", Request(superseded_by), "superseded_by must name another document";
        UnknownSuccessor = "unknown_successor", Request(superseded_by), "superseded_by must name a document that is registered";
        OtherPatient = "other_patient", Request(superseded_by), "superseded_by must name a document of the same patient";
    }
}

impl Aggregate for Document {
    const TYPE: &'static str = "document";
    const TOPIC: &'static str = "document-events";
    const SNAPSHOT_VERSION: u32 = 2;
    type Command = DocumentCommand;
    type Event = DocumentEvent;
    type Error = DocumentError;

    fn decide(&self, command: DocumentCommand) -> Result<Vec<DocumentEvent>, DocumentError> {
        self.decide_on(command, &Grounds::default())
    }

    /// What takes a document's place must be there and in use.
    fn grounds(&self, command: &DocumentCommand) -> Vec<Ground> {
        match command {
            DocumentCommand::Supersede { id, superseded_by, .. } if id != superseded_by => vec![Ground::Document(*superseded_by)],
            DocumentCommand::Supersede { .. }
            | DocumentCommand::Register { .. }
            | DocumentCommand::VerifyChecksum { .. }
            | DocumentCommand::StartProcessing { .. }
            | DocumentCommand::CompleteProcessing { .. }
            | DocumentCommand::FailProcessing { .. }
            | DocumentCommand::Remove { .. } => vec![],
        }
    }

    fn decide_on(&self, command: DocumentCommand, grounds: &Grounds) -> Result<Vec<DocumentEvent>, DocumentError> {
        match command {
            DocumentCommand::Register { now, document, object_id, account_id } => self.register(now, *document, object_id, account_id),
            DocumentCommand::VerifyChecksum { now, found_sha256, account_id } => self.verify_checksum(now, found_sha256, account_id),
            DocumentCommand::StartProcessing { now } => self.start_processing(now),
            DocumentCommand::CompleteProcessing { now, extracted_text } => self.complete_processing(now, extracted_text),
            DocumentCommand::FailProcessing { now, processing_error } => self.fail_processing(now, processing_error),
            DocumentCommand::Supersede { now, id, superseded_by, reason } => {
                if id == superseded_by {
                    return Err(DocumentError::OwnSuccessor);
                }
                self.supersede(now, superseded_by, reason, &grounds.document)
            }
            DocumentCommand::Remove { now, reason, account_id } => self.remove(now, reason, account_id),
        }
    }

    fn evolve(self, event: &DocumentEvent) -> Self {
        match event {
            DocumentEvent::DocumentRegistered(registered) => Self::Kept(Box::new(File::new(&registered.document))),
            DocumentEvent::DocumentChecksumVerified(_) => self.with(|file| file.checksum = ChecksumStatus::Verified),
            DocumentEvent::DocumentChecksumMismatched(_) => self.with(|file| (file.checksum, file.claim) = (ChecksumStatus::Mismatched, None)),
            DocumentEvent::DocumentProcessingStarted(_) => self.with(|file| file.status = DocumentStatus::Processing),
            DocumentEvent::DocumentProcessingCompleted(_) => self.with(|file| file.status = DocumentStatus::Completed),
            DocumentEvent::DocumentProcessingFailed(_) => self.with(|file| file.status = DocumentStatus::Failed),
            DocumentEvent::DocumentSuperseded(superseded) => {
                self.with(|file| (file.status, file.superseded_by) = (DocumentStatus::Archived, Some(superseded.superseded_by)))
            }
            DocumentEvent::DocumentRemoved(_) => match self {
                Self::Kept(file) => Self::Removed { patient_id: file.patient_id },
                Self::Absent | Self::Removed { .. } => self,
            },
        }
    }

    fn subject(&self, id: Uuid, _event: &DocumentEvent) -> Subject {
        Subject::Person(self.patient_id().map_or(id, Into::into))
    }

    fn reservations(&self, _id: Uuid, event: &DocumentEvent) -> Vec<Reservation> {
        let kind = "document-source";
        match event {
            DocumentEvent::DocumentRegistered(DocumentRegistered { document, .. }) => {
                document.claim().map(|value| Reservation::Claim { kind, value }).into_iter().collect()
            }
            // the right file may come from the same source
            DocumentEvent::DocumentChecksumMismatched(_) | DocumentEvent::DocumentRemoved(_) => match self {
                Self::Kept(file) => file.claim.clone().map(|value| Reservation::Release { kind, value }).into_iter().collect(),
                Self::Absent | Self::Removed { .. } => vec![],
            },
            DocumentEvent::DocumentChecksumVerified(_)
            | DocumentEvent::DocumentProcessingStarted(_)
            | DocumentEvent::DocumentProcessingCompleted(_)
            | DocumentEvent::DocumentProcessingFailed(_)
            | DocumentEvent::DocumentSuperseded(_) => vec![],
        }
    }
}
