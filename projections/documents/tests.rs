use anamnesis_domain::ObjectId;
use anamnesis_domain::document::{
    DocumentChecksumMismatched, DocumentChecksumVerified, DocumentProcessingCompleted, DocumentProcessingFailed, DocumentProcessingStarted,
    DocumentRemoved, DocumentSuperseded, NewDocument,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, told};

const DOCUMENT: Uuid = Uuid::from_u128(0xd0c);
const PATIENT: Uuid = Uuid::from_u128(0xb1);
const SOMEBODY: AccountId = AccountId(Uuid::from_u128(0xac));

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn registered() -> DocumentEvent {
    let document: NewDocument = told(json!({
        "patient_id": PATIENT, "kind": "CONSENT_FORM", "file_name": "consent.pdf", "media_type": "application/pdf", "size_bytes": 4_000_000_000_i64,
        "sha256": "ab".repeat(32), "source": { "system": "scanner", "external_id": "9" },
    }));
    DocumentRegistered { document, object_id: ObjectId(Uuid::from_u128(0xfeed)), registered_by: SOMEBODY, registered_at: at(1) }.into()
}

fn given(events: impl IntoIterator<Item = DocumentEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("document", DOCUMENT, PATIENT, event))
}

fn after(events: impl IntoIterator<Item = DocumentEvent>) -> DocumentRow {
    given(std::iter::once(registered()).chain(events)).rows::<Documents>().remove(0).row
}

#[test]
fn a_document_stands_as_it_was_registered() {
    let log = given([registered()]);
    assert_eq!(log.says::<Documents>("status").as_deref(), Some("PENDING"));
    assert_eq!(log.says::<Documents>("checksum_status").as_deref(), Some("UNVERIFIED"));
    assert_eq!(log.says::<Documents>("file_name").as_deref(), Some("\"consent.pdf\""));
    assert_eq!(log.says::<Documents>("size_bytes").as_deref(), Some("4000000000"));
    let path = format!("\"patients/{PATIENT}/documents/consent-forms/{}\"", Uuid::from_u128(0xfeed));
    assert_eq!(log.says::<Documents>("storage_path"), Some(path));
}

#[test]
fn what_was_found_out_of_its_bytes_is_told() {
    let verified = || DocumentChecksumVerified { verified_by: SOMEBODY, verified_at: at(2) }.into();
    let row = after([verified()]);
    assert_eq!((row.checksum_status, row.verified_by, row.verified_at), (ChecksumStatus::Verified, Some(SOMEBODY), Some(at(2))));
    let found = DocumentChecksumMismatched { found_sha256: "cd".repeat(32).try_into().unwrap(), found_by: SOMEBODY, found_at: at(3) };
    let row = after([verified(), found.into()]);
    assert_eq!((row.checksum_status, row.mismatch_found_by, row.mismatch_found_at), (ChecksumStatus::Mismatched, Some(SOMEBODY), Some(at(3))));
    assert!(row.mismatched_sha256.is_some());
}

#[test]
fn what_was_read_in_another_file_is_told_no_more() {
    let completed = DocumentProcessingCompleted { extracted_text: Some("I agree.".try_into().unwrap()), completed_at: at(6) };
    let found = DocumentChecksumMismatched { found_sha256: "cd".repeat(32).try_into().unwrap(), found_by: SOMEBODY, found_at: at(7) };
    let row = after([completed.into(), found.into()]);
    assert_eq!((row.status, row.extracted_text.is_some()), (DocumentStatus::Completed, false));
}

#[test]
fn what_could_be_read_takes_the_place_of_why_it_could_not() {
    let started = |micros| DocumentProcessingStarted { started_at: at(micros) }.into();
    let failed = || DocumentProcessingFailed { processing_error: "upside down".try_into().unwrap(), failed_at: at(4) }.into();
    let row = after([started(3), failed()]);
    assert_eq!((row.status, row.processing_error.is_some(), row.processed_at), (DocumentStatus::Failed, true, None));
    let completed = DocumentProcessingCompleted { extracted_text: Some("I agree.".try_into().unwrap()), completed_at: at(6) };
    let row = after([started(3), failed(), started(5), completed.into()]);
    assert_eq!((row.status, row.processing_started_at, row.processed_at), (DocumentStatus::Completed, Some(at(5)), Some(at(6))));
    assert!(row.processing_error.is_none() && row.extracted_text.is_some());
}

#[test]
fn what_is_superseded_or_removed_stays() {
    let next = DocumentId(Uuid::from_u128(0xd0d));
    let superseded = || DocumentSuperseded { superseded_by: next, reason: Some("corrected".try_into().unwrap()), superseded_at: at(7) }.into();
    let row = after([superseded()]);
    assert_eq!((row.status, row.superseded_by, row.is_removed), (DocumentStatus::Archived, Some(next), false));
    let removed = DocumentRemoved { reason: "scanned twice".try_into().unwrap(), removed_by: SOMEBODY, removed_at: at(8) };
    let row = after([superseded(), removed.into()]);
    assert_eq!((row.status, row.is_removed, row.removed_by, row.removed_at), (DocumentStatus::Archived, true, Some(SOMEBODY), Some(at(8))));
}
