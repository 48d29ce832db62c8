//! What does each event of a record carry?

use serde::{Deserialize, Serialize};

use super::{NewRecord, RecordStatus};
use crate::{Instant, ProviderId, Text, redact::redacted};

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
