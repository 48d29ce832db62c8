//! What is written down about a patient, and is it right?
//! `Absent → Pending → Processing → Completed | Failed ⇄ Archived`, and from everywhere `→ EnteredInError`, for good

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, DocumentId, Ground, Grounds, Instant, PatientId, ProviderId, Reservation, Subject, SummaryId, Text, events::events, redact::redacted,
    refusal::refusals,
};

mod attachments;
mod details;
mod payloads;
#[cfg(test)]
mod properties;
mod rules;
mod signature;
mod summary;
#[cfg(test)]
mod tests;

pub use details::{ContentFormat, Finding, NewRecord, RecordContent, RecordContentFields, RecordSource, RecordStatus, RecordType};
pub use payloads::*;
pub use summary::{NewSummary, SummaryType};

events! {
    /// What can have happened to a record.
    pub enum RecordEvent {
        RecordCreated(RecordCreated) = 1,
        RecordProcessingStarted(RecordProcessingStarted) = 1,
        RecordProcessingCompleted(RecordProcessingCompleted) = 1,
        RecordProcessingFailed(RecordProcessingFailed) = 1,
        RecordAmended(RecordAmended) = 1,
        RecordSigned(RecordSigned) = 2 from { 1 => RecordSignedV1 },
        RecordSummarized(RecordSummarized) = 1,
        RecordArchived(RecordArchived) = 1,
        RecordRestored(RecordRestored) = 1,
        RecordEnteredInError(RecordEnteredInError) = 1,
        DocumentAttached(DocumentAttached) = 1,
        DocumentDetached(DocumentDetached) = 1,
    }
}

/// A record's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// Not created yet.
    #[default]
    Absent,
    /// Written down.
    Written {
        /// What is written, as of now.
        record: Box<NewRecord>,
        /// Where it is on its way.
        status: RecordStatus,
        /// Which version it is.
        version: u16,
        /// Who vouched for this version.
        signed_by: Vec<ProviderId>,
        /// What was said of it in short, by its id.
        summaries: Vec<SummaryId>,
        /// The documents that belong to it.
        attachments: Vec<DocumentId>,
        /// Where it was when it was archived; none: it isn't.
        archived_from: Option<RecordStatus>,
    },
    /// Marked as wrong; for good.
    EnteredInError {
        /// About whom it was.
        patient_id: PatientId,
    },
}

redacted!(Record);

/// What can be asked of a record. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum RecordCommand {
    /// Write it down; `status` is `PENDING`, or `COMPLETED` where nothing is left to do.
    Create { now: Instant, record: Box<NewRecord>, status: RecordStatus },
    /// Begin to work on it.
    StartProcessing { now: Instant },
    /// Say that the work is done.
    CompleteProcessing { now: Instant },
    /// Say why the work can't be done.
    FailProcessing { now: Instant, processing_error: Text },
    /// Change what is written, as a whole.
    Amend { now: Instant, record: Box<NewRecord>, reason: Text },
    /// Vouch for it.
    Sign { now: Instant, provider_id: ProviderId },
    /// Keep what a model says of the newest version in short.
    Summarize { now: Instant, summary_id: SummaryId, summary: Box<NewSummary> },
    /// Put it away.
    Archive { now: Instant, reason: Option<Text> },
    /// Take it out again.
    Restore { now: Instant, reason: Text },
    /// Mark it as wrong.
    MarkEnteredInError { now: Instant, reason: Text },
    /// Say that a document belongs to it.
    AttachDocument { now: Instant, document_id: DocumentId },
    /// Say that a document doesn't belong to it.
    DetachDocument { now: Instant, document_id: DocumentId, reason: Text },
}

redacted!(RecordCommand);

refusals! {
    /// Which rule on records says no.
    pub enum RecordError {
        AlreadyCreated = "already_created", State, "this record was already created; amend it instead";
        NotCreated = "not_created", State, "this record was never created";
        EnteredInError = "entered_in_error", State, "this record is marked as entered in error";
        Archived = "archived", State, "this record is archived";
        AlreadyProcessed = "already_processed", State, "this record is already processed";
        NotProcessing = "not_processing", State, "this record is not being processed";
        NotProcessed = "not_processed", State, "this record is not processed yet";
        AlreadySummarized = "already_summarized", State, "this summary was already kept";
        TooManySummaries = "too_many_summaries", State, "a record may have at most 100 summaries";
        TooManyAttachments = "too_many_attachments", State, "a record may have at most 100 attachments";
        DocumentRemoved = "document_removed", State, "document_id names a document that was removed";
        DocumentMismatched = "document_mismatched", State, "document_id names a document whose stored file is not the one that was declared";
        UnknownDocument = "unknown_document", Request(document_id), "document_id must name a document that is registered";
        DocumentOfOtherPatient = "document_of_other_patient", Request(document_id), "document_id must name a document of the same patient";
        TooManyVersions = "too_many_versions", State, "a record may have at most 10,000 versions";
        WrongFirstStatus = "wrong_first_status", Request(status), "status must be PENDING or COMPLETED";
        InTheFuture = "in_the_future", Request(record_date), "record_date and visit_date must not lie in the future";
        OtherPatient = "other_patient", Request(patient_id), "an amendment can't change patient_id; mark the record as entered in error instead";
        OtherSource = "other_source", Request(record_type), "an amendment can't change record_type or source";
        CodeMissing = "code_missing", Request(codes), "every code must have a coding or a text";
        TooMany = "too_many", Request, "at most 100 entries in a list and 2,000 characters in a code";
    }
}

impl Aggregate for Record {
    const TYPE: &'static str = "record";
    const TOPIC: &'static str = "document-events";
    const SNAPSHOT_VERSION: u32 = 3;
    type Command = RecordCommand;
    type Event = RecordEvent;
    type Error = RecordError;

    fn decide(&self, command: RecordCommand) -> Result<Vec<RecordEvent>, RecordError> {
        self.decide_on(command, &Grounds::default())
    }

    fn grounds(&self, command: &RecordCommand) -> Vec<Ground> {
        match command {
            RecordCommand::AttachDocument { document_id, .. } => vec![Ground::Document(*document_id)],
            RecordCommand::DetachDocument { .. }
            | RecordCommand::Create { .. }
            | RecordCommand::StartProcessing { .. }
            | RecordCommand::CompleteProcessing { .. }
            | RecordCommand::FailProcessing { .. }
            | RecordCommand::Amend { .. }
            | RecordCommand::Sign { .. }
            | RecordCommand::Summarize { .. }
            | RecordCommand::Archive { .. }
            | RecordCommand::Restore { .. }
            | RecordCommand::MarkEnteredInError { .. } => vec![],
        }
    }

    fn decide_on(&self, command: RecordCommand, grounds: &Grounds) -> Result<Vec<RecordEvent>, RecordError> {
        match command {
            RecordCommand::Create { now, record, status } => self.create(now, record, status),
            RecordCommand::StartProcessing { now } => self.start_processing(now),
            RecordCommand::CompleteProcessing { now } => self.complete_processing(now),
            RecordCommand::FailProcessing { now, processing_error } => self.fail_processing(now, processing_error),
            RecordCommand::Amend { now, record, reason } => self.amend(now, record, reason),
            RecordCommand::Sign { now, provider_id } => self.sign(now, provider_id),
            RecordCommand::Summarize { now, summary_id, summary } => self.summarize(now, summary_id, summary),
            RecordCommand::Archive { now, reason } => self.archive(now, reason),
            RecordCommand::Restore { now, reason } => self.restore(now, reason),
            RecordCommand::MarkEnteredInError { now, reason } => self.mark_entered_in_error(now, reason),
            RecordCommand::AttachDocument { now, document_id } => self.attach_document(now, document_id, &grounds.document),
            RecordCommand::DetachDocument { now, document_id, reason } => self.detach_document(now, document_id, reason),
        }
    }

    fn evolve(self, event: &RecordEvent) -> Self {
        match event {
            RecordEvent::RecordCreated(created) => {
                let (record, status) = (created.record.clone(), created.status);
                Self::Written { record, status, version: 1, signed_by: vec![], summaries: vec![], attachments: vec![], archived_from: None }
            }
            RecordEvent::RecordProcessingStarted(_) => self.now(RecordStatus::Processing),
            RecordEvent::RecordProcessingCompleted(_) => self.now(RecordStatus::Completed),
            RecordEvent::RecordProcessingFailed(_) => self.now(RecordStatus::Failed),
            RecordEvent::RecordArchived(_) => self.archived(),
            RecordEvent::RecordRestored(restored) => self.restored(restored.status),
            RecordEvent::RecordSummarized(summarized) => self.summarized(summarized.summary_id),
            RecordEvent::DocumentAttached(attached) => self.attached(attached.document_id),
            RecordEvent::DocumentDetached(detached) => self.detached(detached.document_id),
            RecordEvent::RecordAmended(amended) => self.amended(amended),
            RecordEvent::RecordSigned(signed) => self.signed(signed),
            RecordEvent::RecordEnteredInError(_) => match self {
                Self::Written { record, .. } => Self::EnteredInError { patient_id: record.patient_id },
                Self::Absent | Self::EnteredInError { .. } => self,
            },
        }
    }

    fn subject(&self, id: Uuid, _event: &RecordEvent) -> Subject {
        Subject::Person(self.patient_id().map_or(id, |patient| patient.0))
    }

    fn reservations(&self, _id: Uuid, event: &RecordEvent) -> Vec<Reservation> {
        let RecordEvent::RecordCreated(RecordCreated { record, .. }) = event else { return vec![] };
        let Some(source) = &record.source else { return vec![] };
        let value = Reservation::joined([source.system.as_str(), &record.record_type.to_string(), source.external_id.as_str()]);
        vec![Reservation::Claim { kind: "record-source", value }]
    }
}
