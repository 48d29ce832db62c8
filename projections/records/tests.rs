use anamnesis_domain::record::{RecordAmended, RecordCreated, RecordEnteredInError, RecordSigned};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::testing::{Log, log, said, told};

const RECORD: Uuid = Uuid::from_u128(0xf1);
const PATIENT: Uuid = Uuid::from_u128(0xb1);

fn record(title: &str) -> Box<NewRecord> {
    told(json!({
        "patient_id": PATIENT, "record_type": "LAB_RESULT", "record_date": "2026-01-01T00:00:00Z", "title": title,
        "codes": [{ "codings": [{ "system": "http://loinc.org", "code": "4548-4" }], "text": "HbA1c" }],
        "value": { "quantity": { "value": 5.6, "unit": "%" } },
        "lab_results": { "a": [2.5], "b": 1 },
    }))
}

fn created() -> RecordEvent {
    RecordCreated { record: record("HbA1c"), status: RecordStatus::Completed, created_at: Instant::from_micros(1) }.into()
}

fn signed() -> RecordEvent {
    RecordSigned { version: 1, provider_id: ProviderId(Uuid::from_u128(0xd1)), signed_at: Instant::from_micros(2) }.into()
}

fn given(events: impl IntoIterator<Item = RecordEvent>) -> Log {
    events.into_iter().fold(log(), |log, event| log.sealed_for("record", RECORD, PATIENT, event))
}

#[test]
fn a_record_is_found_by_its_code_and_keeps_what_was_written() {
    let log = given([created()]);
    assert_eq!(log.says::<Records>("codes").as_deref(), Some("{\"http://loinc.org|4548-4\"}"));
    let row = &log.rows::<Records>()[0];
    assert_eq!(said(row, "lab_results").as_deref(), Some("{\"a\":[2.5],\"b\":1}"));
    assert_eq!((row.row.version, row.row.status), (1, RecordStatus::Completed));
}

#[test]
fn an_amended_record_is_a_new_version_that_nobody_has_signed() {
    let amended =
        RecordAmended { version: 2, record: record("HbA1c, corrected"), reason: "typo".try_into().unwrap(), amended_at: Instant::from_micros(3) };
    let log = given([created(), signed(), amended.into()]);
    let record = log.rows::<Records>().remove(0).row;
    assert_eq!((record.version, record.signed_by.len(), record.signed_at), (2, 0, None));
    assert_eq!(log.says::<Records>("title").as_deref(), Some("\"HbA1c, corrected\""));
    assert_eq!(record.written_at.micros(), 1, "when it was first written stays");
}

#[test]
fn a_record_entered_in_error_stays_and_says_so() {
    let wrong = RecordEnteredInError { reason: "another patient's".try_into().unwrap(), marked_at: Instant::from_micros(4) };
    let record = given([created(), wrong.into()]).rows::<Records>().remove(0).row;
    assert!(record.is_entered_in_error);
    assert_eq!(record.entered_in_error_at.map(Instant::micros), Some(4));
}
