//! What is written down about a patient, and is it right?
//! `Absent → Pending → Processing → Completed | Failed → Archived`, and from everywhere `→ EnteredInError`

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Aggregate, Instant, PatientId, ProviderId, Reservation, Subject, Text, events::events, redact::redacted, refusal::refusals, values::Bounded,
};

mod details;
#[cfg(test)]
mod tests;

pub use details::{ContentFormat, Finding, NewRecord, RecordContent, RecordContentFields, RecordSource, RecordStatus, RecordType};

events! {
    /// What can have happened to a record.
    pub enum RecordEvent {
        RecordCreated(RecordCreated) = 1,
        RecordProcessingStarted(RecordProcessingStarted) = 1,
        RecordProcessingCompleted(RecordProcessingCompleted) = 1,
        RecordProcessingFailed(RecordProcessingFailed) = 1,
        RecordAmended(RecordAmended) = 1,
        RecordSigned(RecordSigned) = 1,
        RecordArchived(RecordArchived) = 1,
        RecordEnteredInError(RecordEnteredInError) = 1,
    }
}

/// Something was written down: version 1 of the record.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordCreated {
    /// What.
    pub record: Box<NewRecord>,
    /// `PENDING`, or `COMPLETED` where nothing is left to do.
    pub status: RecordStatus,
    /// When.
    pub created_at: Instant,
}

/// A program began to work on it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordProcessingStarted {
    /// When.
    pub started_at: Instant,
}

/// The program was done.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordProcessingCompleted {
    /// When.
    pub completed_at: Instant,
}

/// The program gave up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordProcessingFailed {
    /// Why.
    pub processing_error: Text,
    /// When.
    pub failed_at: Instant,
}

/// What was written down was changed; the versions before stay.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordAmended {
    /// Which version this is: 2, 3, …
    pub version: u16,
    /// What is written now, as a whole.
    pub record: Box<NewRecord>,
    /// Why.
    pub reason: Text,
    /// When.
    pub amended_at: Instant,
}

/// A provider vouched for a version.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordSigned {
    /// Which version.
    pub version: u16,
    /// Who.
    pub provider_id: ProviderId,
    /// When.
    pub signed_at: Instant,
}

/// It was put away.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordArchived {
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub archived_at: Instant,
}

/// It should never have been written, at least not about this patient. It stays, marked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordEnteredInError {
    /// Why.
    pub reason: Text,
    /// When that was marked.
    pub marked_at: Instant,
}

redacted!(
    RecordCreated,
    RecordProcessingStarted,
    RecordProcessingCompleted,
    RecordProcessingFailed,
    RecordAmended,
    RecordSigned,
    RecordArchived,
    RecordEnteredInError,
);

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
    /// Put it away.
    Archive { now: Instant, reason: Option<Text> },
    /// Mark it as wrong.
    MarkEnteredInError { now: Instant, reason: Text },
}

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
        TooManyVersions = "too_many_versions", State, "a record may have at most 10,000 versions";
        WrongFirstStatus = "wrong_first_status", Request, "status must be PENDING or COMPLETED";
        InTheFuture = "in_the_future", Request, "record_date and visit_date must not lie in the future";
        OtherPatient = "other_patient", Request, "an amendment can't change patient_id; mark the record as entered in error instead";
        OtherSource = "other_source", Request, "an amendment can't change record_type or source";
        CodeMissing = "code_missing", Request, "every code must have a coding or a text";
        TooMany = "too_many", Request, "at most 100 entries in a list and 2,000 characters in a code";
    }
}

impl Aggregate for Record {
    const TYPE: &'static str = "record";
    const TOPIC: &'static str = "document-events";
    type Command = RecordCommand;
    type Event = RecordEvent;
    type Error = RecordError;

    fn decide(&self, command: RecordCommand) -> Result<Vec<RecordEvent>, RecordError> {
        match command {
            RecordCommand::Create { now, record, status } => self.create(now, record, status),
            RecordCommand::StartProcessing { now } => self.start_processing(now),
            RecordCommand::CompleteProcessing { now } => self.complete_processing(now),
            RecordCommand::FailProcessing { now, processing_error } => self.fail_processing(now, processing_error),
            RecordCommand::Amend { now, record, reason } => self.amend(now, record, reason),
            RecordCommand::Sign { now, provider_id } => self.sign(now, provider_id),
            RecordCommand::Archive { now, reason } => self.archive(now, reason),
            RecordCommand::MarkEnteredInError { now, reason } => self.mark_entered_in_error(now, reason),
        }
    }

    fn evolve(self, event: &RecordEvent) -> Self {
        match event {
            RecordEvent::RecordCreated(created) => {
                Self::Written { record: created.record.clone(), status: created.status, version: 1, signed_by: vec![] }
            }
            RecordEvent::RecordProcessingStarted(_) => self.now(RecordStatus::Processing),
            RecordEvent::RecordProcessingCompleted(_) => self.now(RecordStatus::Completed),
            RecordEvent::RecordProcessingFailed(_) => self.now(RecordStatus::Failed),
            RecordEvent::RecordArchived(_) => self.now(RecordStatus::Archived),
            RecordEvent::RecordAmended(amended) => self.amended(amended),
            RecordEvent::RecordSigned(signed) => self.signed(signed),
            RecordEvent::RecordEnteredInError(_) => match self {
                Self::Written { record, .. } => Self::EnteredInError { patient_id: record.patient_id },
                Self::Absent | Self::EnteredInError { .. } => self,
            },
        }
    }

    fn subject(&self, id: Uuid, _event: &RecordEvent) -> Subject {
        match self {
            Self::Absent => Subject::Person(id),
            Self::Written { record, .. } => Subject::Person(record.patient_id.0),
            Self::EnteredInError { patient_id } => Subject::Person(patient_id.0),
        }
    }

    fn reservations(&self, _id: Uuid, event: &RecordEvent) -> Vec<Reservation> {
        let RecordEvent::RecordCreated(RecordCreated { record, .. }) = event else { return vec![] };
        let Some(source) = &record.source else { return vec![] };
        let value = format!("{}|{}|{}", source.system.as_str(), record.record_type, source.external_id.as_str());
        vec![Reservation::Claim { kind: "record-source", value }]
    }
}

/// How far ahead of UTC the day may be somewhere: a visit there today isn't in the future.
const MINUTES_AHEAD_OF_UTC: u32 = 14 * 60;
/// The most versions a record may have.
const MAX_VERSIONS: u16 = 10_000;

type Decision = Result<Vec<RecordEvent>, RecordError>;

impl Record {
    /// Where it is on its way; none before it was created and once it is marked as wrong.
    pub fn status(&self) -> Option<RecordStatus> {
        match self {
            Self::Written { status, .. } => Some(*status),
            Self::Absent | Self::EnteredInError { .. } => None,
        }
    }

    fn now(self, status: RecordStatus) -> Self {
        match self {
            Self::Written { record, version, signed_by, .. } => Self::Written { record, status, version, signed_by },
            Self::Absent | Self::EnteredInError { .. } => self,
        }
    }

    fn amended(self, amended: &RecordAmended) -> Self {
        match self {
            Self::Written { status, .. } => Self::Written { record: amended.record.clone(), status, version: amended.version, signed_by: vec![] },
            Self::Absent | Self::EnteredInError { .. } => self,
        }
    }

    fn signed(mut self, signed: &RecordSigned) -> Self {
        if let Self::Written { signed_by, .. } = &mut self {
            signed_by.push(signed.provider_id);
        }
        self
    }

    fn written(&self) -> Result<RecordStatus, RecordError> {
        match self {
            Self::Absent => Err(RecordError::NotCreated),
            Self::EnteredInError { .. } => Err(RecordError::EnteredInError),
            Self::Written { status, .. } => Ok(*status),
        }
    }

    fn create(&self, now: Instant, record: Box<NewRecord>, status: RecordStatus) -> Decision {
        if *self != Self::Absent {
            return Err(RecordError::AlreadyCreated);
        }
        if !matches!(status, RecordStatus::Pending | RecordStatus::Completed) {
            return Err(RecordError::WrongFirstStatus);
        }
        check(now, &record)?;
        Ok(vec![RecordCreated { record, status, created_at: now }.into()])
    }

    fn start_processing(&self, now: Instant) -> Decision {
        match self.written()? {
            RecordStatus::Pending | RecordStatus::Failed => Ok(vec![RecordProcessingStarted { started_at: now }.into()]),
            RecordStatus::Processing => Ok(vec![]),
            RecordStatus::Completed => Err(RecordError::AlreadyProcessed),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    fn complete_processing(&self, now: Instant) -> Decision {
        match self.written()? {
            RecordStatus::Processing => Ok(vec![RecordProcessingCompleted { completed_at: now }.into()]),
            RecordStatus::Completed => Ok(vec![]),
            RecordStatus::Pending | RecordStatus::Failed => Err(RecordError::NotProcessing),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    fn fail_processing(&self, now: Instant, processing_error: Text) -> Decision {
        match self.written()? {
            RecordStatus::Processing => Ok(vec![RecordProcessingFailed { processing_error, failed_at: now }.into()]),
            RecordStatus::Failed => Ok(vec![]),
            RecordStatus::Completed => Err(RecordError::AlreadyProcessed),
            RecordStatus::Pending => Err(RecordError::NotProcessing),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    fn amend(&self, now: Instant, record: Box<NewRecord>, reason: Text) -> Decision {
        if self.written()? == RecordStatus::Archived {
            return Err(RecordError::Archived);
        }
        let Self::Written { record: before, version, .. } = self else { return Err(RecordError::NotCreated) };
        if record == *before {
            return Ok(vec![]);
        }
        if record.patient_id != before.patient_id {
            return Err(RecordError::OtherPatient);
        }
        if record.source != before.source || record.record_type != before.record_type {
            return Err(RecordError::OtherSource);
        }
        if *version >= MAX_VERSIONS {
            return Err(RecordError::TooManyVersions);
        }
        check(now, &record)?;
        Ok(vec![RecordAmended { version: version + 1, record, reason, amended_at: now }.into()])
    }

    fn sign(&self, now: Instant, provider_id: ProviderId) -> Decision {
        match self.written()? {
            RecordStatus::Completed => {}
            RecordStatus::Archived => return Err(RecordError::Archived),
            RecordStatus::Pending | RecordStatus::Processing | RecordStatus::Failed => return Err(RecordError::NotProcessed),
        }
        match self {
            Self::Written { signed_by, .. } if signed_by.contains(&provider_id) => Ok(vec![]),
            Self::Written { version, .. } => Ok(vec![RecordSigned { version: *version, provider_id, signed_at: now }.into()]),
            Self::Absent | Self::EnteredInError { .. } => Err(RecordError::NotCreated),
        }
    }

    fn archive(&self, now: Instant, reason: Option<Text>) -> Decision {
        match self.written()? {
            RecordStatus::Completed | RecordStatus::Failed => Ok(vec![RecordArchived { reason, archived_at: now }.into()]),
            RecordStatus::Archived => Ok(vec![]),
            RecordStatus::Pending | RecordStatus::Processing => Err(RecordError::NotProcessed),
        }
    }

    fn mark_entered_in_error(&self, now: Instant, reason: Text) -> Decision {
        match self {
            Self::Absent => Err(RecordError::NotCreated),
            Self::EnteredInError { .. } => Ok(vec![]),
            Self::Written { .. } => Ok(vec![RecordEnteredInError { reason, marked_at: now }.into()]),
        }
    }
}

fn check(now: Instant, record: &NewRecord) -> Result<(), RecordError> {
    if record.record_date > now || record.visit_date.is_some_and(|day| day > now.plus_minutes(MINUTES_AHEAD_OF_UTC).date()) {
        return Err(RecordError::InTheFuture);
    }
    if record.codes.iter().chain(record.components.iter().map(|part| &part.code)).any(crate::Code::is_empty) {
        return Err(RecordError::CodeMissing);
    }
    if record.is_bounded() { Ok(()) } else { Err(RecordError::TooMany) }
}
