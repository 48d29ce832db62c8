//! Which commands are allowed, and what follows from them?

use super::{
    NewRecord, NewSummary, Record, RecordAmended, RecordArchived, RecordCreated, RecordEnteredInError, RecordError, RecordEvent,
    RecordProcessingCompleted, RecordProcessingFailed, RecordProcessingStarted, RecordRestored, RecordSigned, RecordStatus, RecordSummarized,
};
use crate::{Code, Instant, PatientId, ProviderId, SummaryId, Text, values::Bounded};

/// The most versions a record may have.
const MAX_VERSIONS: u16 = 10_000;
/// The most summaries a record may have.
const MAX_SUMMARIES: usize = 100;

type Decision = Result<Vec<RecordEvent>, RecordError>;

impl Record {
    /// Where it is on its way; none before it was created and once it is marked as wrong.
    pub fn status(&self) -> Option<RecordStatus> {
        match self {
            Self::Written { status, .. } => Some(*status),
            Self::Absent | Self::EnteredInError { .. } => None,
        }
    }

    /// About whom it is, or was until it was marked as wrong.
    pub fn patient_id(&self) -> Option<PatientId> {
        match self {
            Self::Absent => None,
            Self::Written { record, .. } => Some(record.patient_id),
            Self::EnteredInError { patient_id } => Some(*patient_id),
        }
    }

    pub(super) fn now(mut self, now: RecordStatus) -> Self {
        if let Self::Written { status, .. } = &mut self {
            *status = now;
        }
        self
    }

    pub(super) fn archived(mut self) -> Self {
        if let Self::Written { status, archived_from, .. } = &mut self {
            (*archived_from, *status) = (Some(*status), RecordStatus::Archived);
        }
        self
    }

    pub(super) fn restored(mut self, to: RecordStatus) -> Self {
        if let Self::Written { status, archived_from, .. } = &mut self {
            (*archived_from, *status) = (None, to);
        }
        self
    }

    pub(super) fn amended(mut self, amended: &RecordAmended) -> Self {
        if let Self::Written { record, version, signed_by, .. } = &mut self {
            (*record, *version, *signed_by) = (amended.record.clone(), amended.version, vec![]);
        }
        self
    }

    pub(super) fn signed(mut self, signed: &RecordSigned) -> Self {
        if let Self::Written { signed_by, .. } = &mut self {
            signed_by.push(signed.provider_id);
        }
        self
    }

    pub(super) fn summarized(mut self, summary_id: SummaryId) -> Self {
        if let Self::Written { summaries, .. } = &mut self {
            summaries.push(summary_id);
        }
        self
    }

    pub(super) fn written(&self) -> Result<RecordStatus, RecordError> {
        match self {
            Self::Absent => Err(RecordError::NotCreated),
            Self::EnteredInError { .. } => Err(RecordError::EnteredInError),
            Self::Written { status, .. } => Ok(*status),
        }
    }

    pub(super) fn create(&self, now: Instant, record: Box<NewRecord>, status: RecordStatus) -> Decision {
        if *self != Self::Absent {
            return Err(RecordError::AlreadyCreated);
        }
        if !matches!(status, RecordStatus::Pending | RecordStatus::Completed) {
            return Err(RecordError::WrongFirstStatus);
        }
        check(now, &record)?;
        Ok(vec![RecordCreated { record, status, created_at: now }.into()])
    }

    pub(super) fn start_processing(&self, now: Instant) -> Decision {
        match self.written()? {
            RecordStatus::Pending | RecordStatus::Failed => Ok(vec![RecordProcessingStarted { started_at: now }.into()]),
            RecordStatus::Processing => Ok(vec![]),
            RecordStatus::Completed => Err(RecordError::AlreadyProcessed),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    pub(super) fn complete_processing(&self, now: Instant) -> Decision {
        match self.written()? {
            RecordStatus::Processing => Ok(vec![RecordProcessingCompleted { completed_at: now }.into()]),
            RecordStatus::Completed => Ok(vec![]),
            RecordStatus::Pending | RecordStatus::Failed => Err(RecordError::NotProcessing),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    pub(super) fn fail_processing(&self, now: Instant, processing_error: Text) -> Decision {
        match self.written()? {
            RecordStatus::Processing => Ok(vec![RecordProcessingFailed { processing_error, failed_at: now }.into()]),
            RecordStatus::Failed => Ok(vec![]),
            RecordStatus::Completed => Err(RecordError::AlreadyProcessed),
            RecordStatus::Pending => Err(RecordError::NotProcessing),
            RecordStatus::Archived => Err(RecordError::Archived),
        }
    }

    pub(super) fn amend(&self, now: Instant, record: Box<NewRecord>, reason: Text) -> Decision {
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

    pub(super) fn sign(&self, now: Instant, provider_id: ProviderId) -> Decision {
        match self.written()? {
            RecordStatus::Completed => {}
            RecordStatus::Archived => return Err(RecordError::Archived),
            RecordStatus::Pending | RecordStatus::Processing | RecordStatus::Failed => return Err(RecordError::NotProcessed),
        }
        match self {
            Self::Written { signed_by, .. } if signed_by.contains(&provider_id) => Ok(vec![]),
            Self::Written { record, version, .. } => {
                let content_sha256 = Some(record.digest());
                Ok(vec![RecordSigned { version: *version, provider_id, signed_at: now, content_sha256 }.into()])
            }
            Self::Absent | Self::EnteredInError { .. } => Err(RecordError::NotCreated),
        }
    }

    pub(super) fn summarize(&self, now: Instant, summary_id: SummaryId, summary: Box<NewSummary>) -> Decision {
        match self.written()? {
            RecordStatus::Archived => return Err(RecordError::Archived),
            RecordStatus::Pending | RecordStatus::Processing | RecordStatus::Completed | RecordStatus::Failed => {}
        }
        let Self::Written { version, summaries, .. } = self else { return Err(RecordError::NotCreated) };
        if summaries.contains(&summary_id) {
            return Err(RecordError::AlreadySummarized);
        }
        if summaries.len() >= MAX_SUMMARIES {
            return Err(RecordError::TooManySummaries);
        }
        Ok(vec![RecordSummarized { summary_id, version: *version, summary, summarized_at: now }.into()])
    }

    pub(super) fn archive(&self, now: Instant, reason: Option<Text>) -> Decision {
        match self.written()? {
            RecordStatus::Completed | RecordStatus::Failed => Ok(vec![RecordArchived { reason, archived_at: now }.into()]),
            RecordStatus::Archived => Ok(vec![]),
            RecordStatus::Pending | RecordStatus::Processing => Err(RecordError::NotProcessed),
        }
    }

    pub(super) fn restore(&self, now: Instant, reason: Text) -> Decision {
        self.written()?;
        match self {
            Self::Written { archived_from: Some(status), .. } => Ok(vec![RecordRestored { status: *status, reason, restored_at: now }.into()]),
            Self::Written { archived_from: None, .. } => Ok(vec![]),
            Self::Absent | Self::EnteredInError { .. } => Err(RecordError::NotCreated),
        }
    }

    pub(super) fn mark_entered_in_error(&self, now: Instant, reason: Text) -> Decision {
        match self {
            Self::Absent => Err(RecordError::NotCreated),
            Self::EnteredInError { .. } => Ok(vec![]),
            Self::Written { .. } => Ok(vec![RecordEnteredInError { reason, marked_at: now }.into()]),
        }
    }
}

fn check(now: Instant, record: &NewRecord) -> Result<(), RecordError> {
    if record.record_date > now || record.visit_date.is_some_and(|day| day > now.date_furthest_east()) {
        return Err(RecordError::InTheFuture);
    }
    if record.codes.iter().chain(record.components.iter().map(|part| &part.code)).any(Code::is_empty) {
        return Err(RecordError::CodeMissing);
    }
    if record.is_bounded() { Ok(()) } else { Err(RecordError::TooMany) }
}
