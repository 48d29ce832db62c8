//! What does each event of a document carry?

use serde::{Deserialize, Serialize};

use super::NewDocument;
use crate::{AccountId, DocumentId, Instant, ObjectId, Sha256, Text, redact::redacted};

/// A file was registered. That its bytes are there and are the declared ones is another matter.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentRegistered {
    /// What is said of it.
    pub document: NewDocument,
    /// What its bytes are stored under: random.
    pub object_id: ObjectId,
    /// Who brought it.
    pub registered_by: AccountId,
    /// When.
    pub registered_at: Instant,
}

/// The stored bytes have the digest that was declared.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentChecksumVerified {
    /// Who computed it.
    pub verified_by: AccountId,
    /// When.
    pub verified_at: Instant,
}

/// The stored bytes have another digest than the declared one: they aren't the file that was registered. For good.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentChecksumMismatched {
    /// The digest that they have.
    pub found_sha256: Sha256,
    /// Who computed it.
    pub found_by: AccountId,
    /// When.
    pub found_at: Instant,
}

/// A program began to work on it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentProcessingStarted {
    /// When.
    pub started_at: Instant,
}

/// The program was done.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentProcessingCompleted {
    /// What it could read; none: there is no text in it.
    pub extracted_text: Option<Text>,
    /// When.
    pub completed_at: Instant,
}

/// The program gave up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentProcessingFailed {
    /// Why.
    pub processing_error: Text,
    /// When.
    pub failed_at: Instant,
}

/// Another document took its place.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentSuperseded {
    /// Which one.
    pub superseded_by: DocumentId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub superseded_at: Instant,
}

/// It is to be used no more. What is known of it stays.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentRemoved {
    /// Why.
    pub reason: Text,
    /// Who said so.
    pub removed_by: AccountId,
    /// When.
    pub removed_at: Instant,
}

redacted!(
    DocumentRegistered,
    DocumentChecksumVerified,
    DocumentChecksumMismatched,
    DocumentProcessingStarted,
    DocumentProcessingCompleted,
    DocumentProcessingFailed,
    DocumentSuperseded,
    DocumentRemoved,
);
