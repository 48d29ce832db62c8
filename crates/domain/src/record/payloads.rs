//! What does each event of a record carry?

use serde::{Deserialize, Serialize};

use super::{NewRecord, NewSummary, RecordStatus};
use crate::{DocumentId, Instant, ProviderId, Sha256, SummaryId, Text, redact::redacted};

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
    /// The digest of what that version says; none: signed before signatures had one.
    #[serde(default)]
    pub content_sha256: Option<Sha256>,
}

/// [`RecordSigned`] as it was written first: it named the version alone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "RecordSigned")]
pub struct RecordSignedV1 {
    /// Which version.
    pub version: u16,
    /// Who.
    pub provider_id: ProviderId,
    /// When.
    pub signed_at: Instant,
}

impl From<RecordSignedV1> for RecordSigned {
    fn from(old: RecordSignedV1) -> Self {
        let RecordSignedV1 { version, provider_id, signed_at } = old;
        Self { version, provider_id, signed_at, content_sha256: None }
    }
}

/// A model said in short what a version says.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordSummarized {
    /// Which summary.
    pub summary_id: SummaryId,
    /// Of which version.
    pub version: u16,
    /// What it said.
    pub summary: Box<NewSummary>,
    /// When.
    pub summarized_at: Instant,
}

/// It was put away.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordArchived {
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub archived_at: Instant,
}

/// It was taken out again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordRestored {
    /// Where it is again: where it was when it was archived.
    pub status: RecordStatus,
    /// Why.
    pub reason: Text,
    /// When.
    pub restored_at: Instant,
}

/// It should never have been written, at least not about this patient. It stays, marked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordEnteredInError {
    /// Why.
    pub reason: Text,
    /// When that was marked.
    pub marked_at: Instant,
}

/// A document belongs to it from now on. Like a summary it stands beside what is written: a signature doesn't cover it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentAttached {
    /// Which one.
    pub document_id: DocumentId,
    /// When.
    pub attached_at: Instant,
}

/// A document doesn't belong to it any more, or never did.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentDetached {
    /// Which one.
    pub document_id: DocumentId,
    /// Why.
    pub reason: Text,
    /// When.
    pub detached_at: Instant,
}

redacted!(
    RecordCreated,
    RecordProcessingStarted,
    RecordProcessingCompleted,
    RecordProcessingFailed,
    RecordAmended,
    RecordSigned,
    RecordSignedV1,
    RecordSummarized,
    RecordArchived,
    RecordRestored,
    RecordEnteredInError,
    DocumentAttached,
    DocumentDetached,
);
