//! What is known of a file?

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, Line, ObjectId, PatientId, Sha256, choices::choices, redact::redacted};

choices! {
    /// What a document is, and so in which folder its file lies.
    pub enum DocumentKind {
        MedicalRecord = "MEDICAL_RECORD",
        Insurance = "INSURANCE",
        ConsentForm = "CONSENT_FORM",
        ProfilePhoto = "PROFILE_PHOTO",
        MedicalImage = "MEDICAL_IMAGE",
        LabResult = "LAB_RESULT",
        DiagnosticReport = "DIAGNOSTIC_REPORT",
    }
}

choices! {
    /// Where a document is on its way.
    pub enum DocumentStatus {
        Pending = "PENDING",
        Processing = "PROCESSING",
        Completed = "COMPLETED",
        Failed = "FAILED",
        Archived = "ARCHIVED",
    }
}

choices! {
    /// Whether the stored file is the one that was declared.
    pub enum ChecksumStatus {
        Unverified = "UNVERIFIED",
        Verified = "VERIFIED",
        Mismatched = "MISMATCHED",
    }
}

/// What is said of a file when it is registered.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDocument {
    /// About whom.
    pub patient_id: PatientId,
    /// What it is.
    pub kind: DocumentKind,
    /// What people call the file.
    pub file_name: FileName,
    /// What its bytes are.
    pub media_type: MediaType,
    /// How many they are.
    pub size_bytes: FileSize,
    /// Their digest, as whoever brings them declares it.
    pub sha256: Sha256,
    /// Where it came from.
    #[serde(default)]
    pub source: Option<DocumentSource>,
}

/// Where a document came from; unique.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DocumentSource {
    /// The system's name or URI.
    pub system: Line,
    /// What that system calls the document by.
    pub external_id: Line,
}

redacted!(NewDocument, DocumentSource, FileName);

impl DocumentKind {
    /// The folder of such files in a patient's folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::MedicalRecord => "documents/medical-records",
            Self::Insurance => "documents/insurance",
            Self::ConsentForm => "documents/consent-forms",
            Self::ProfilePhoto => "images/profile-photos",
            Self::MedicalImage => "images/medical-images",
            Self::LabResult => "reports/lab-results",
            Self::DiagnosticReport => "reports/diagnostic-reports",
        }
    }
}

impl NewDocument {
    /// Where its file lies in the object storage. The object's name is random, so that the path tells of nobody by name.
    pub fn storage_path(&self, object_id: ObjectId) -> String {
        format!("patients/{}/{}/{object_id}", self.patient_id, self.kind.folder())
    }
}

/// A file's name: 1 to 255 characters, not only blanks, no control characters, no folders.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 255))]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl TryFrom<String> for FileName {
    type Error = InvalidValue;

    fn try_from(name: String) -> Result<Self, InvalidValue> {
        if name.trim().is_empty() {
            return Err(InvalidValue("must not be empty"));
        }
        if name.chars().count() > 255 {
            return Err(InvalidValue("must be at most 255 characters long"));
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) || [".", ".."].contains(&name.trim()) {
            return Err(InvalidValue("must be the name of a file, without folders and control characters"));
        }
        Ok(Self(name))
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

/// A media type without parameters, in lower case (RFC 6838): `application/pdf`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, examples("application/pdf")))]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(String);

impl MediaType {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MediaType {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let is_media_type = text.split_once('/').is_some_and(|(kind, subtype)| is_restricted_name(kind) && is_restricted_name(subtype));
        if is_media_type { Ok(Self(text)) } else { Err(InvalidValue("must be a media type in lower case, without parameters: application/pdf")) }
    }
}

/// RFC 6838, section 4.2.
fn is_restricted_name(name: &str) -> bool {
    let may_begin = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 127 && name.starts_with(may_begin) && name.chars().all(|c| may_begin(c) || "!#$&-^_.+".contains(c))
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0
    }
}

/// A file's size in bytes: at least 1, at most 5 TiB, which is the most that an object store takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = i64, minimum = 1, maximum = 5_497_558_138_880_i64))]
#[serde(try_from = "i64", into = "i64")]
pub struct FileSize(i64);

impl TryFrom<i64> for FileSize {
    type Error = InvalidValue;

    fn try_from(bytes: i64) -> Result<Self, InvalidValue> {
        if (1..=5 << 40).contains(&bytes) { Ok(Self(bytes)) } else { Err(InvalidValue("must be from 1 to 5,497,558,138,880 bytes")) }
    }
}

impl From<FileSize> for i64 {
    fn from(size: FileSize) -> Self {
        size.0
    }
}
