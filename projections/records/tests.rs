use anamnesis_domain::SummaryId;
use anamnesis_domain::record::{
    DocumentAttached, DocumentDetached, RecordAmended, RecordArchived, RecordCreated, RecordEnteredInError, RecordRestored, RecordSigned,
};
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
    let content_sha256 = Some(record("HbA1c").digest());
    RecordSigned { version: 1, provider_id: ProviderId(Uuid::from_u128(0xd1)), signed_at: Instant::from_micros(2), content_sha256 }.into()
}

fn summarized(n: u128) -> RecordEvent {
    let summary = told(json!({
        "summary_type": "GENERAL", "text": "All is well.", "llm_provider": "anthropic", "llm_model": "claude-3", "confidence": 0.9,
        "processing_time_ms": 812, "token_count": 100,
    }));
    RecordSummarized { summary_id: SummaryId(Uuid::from_u128(n)), version: 1, summary, summarized_at: Instant::from_micros(3) }.into()
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
    assert!(record.signed_sha256.is_none(), "what nobody has signed has no signed digest");
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

#[test]
fn a_signed_record_shows_what_was_signed() {
    let digest = format!("\"{}\"", record("HbA1c").digest().as_str());
    assert_eq!(given([created(), signed()]).says::<Records>("signed_sha256"), Some(digest));
}

#[test]
fn summaries_gather_and_outlast_an_amendment() {
    let amended = RecordAmended { version: 2, record: record("HbA1c"), reason: "typo".try_into().unwrap(), amended_at: Instant::from_micros(4) };
    let record = given([created(), summarized(1), summarized(2), amended.into()]).rows::<Records>().remove(0).row;
    let kept = record.summaries.as_ref().and_then(Sealed::get).expect("they are known to the fold");
    assert_eq!(kept.iter().map(|one| (one.summary_id.0.as_u128(), one.version)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
}

#[test]
fn a_restored_record_is_where_it_was_and_says_why() {
    let archived = RecordArchived { reason: Some("old".try_into().unwrap()), archived_at: Instant::from_micros(5) };
    let restored = RecordRestored { status: RecordStatus::Completed, reason: "needed".try_into().unwrap(), restored_at: Instant::from_micros(6) };
    let log = given([created(), archived.into(), restored.into()]);
    let record = log.rows::<Records>().remove(0).row;
    assert_eq!((record.status, record.archived_at), (RecordStatus::Completed, None));
    assert!(record.archival_reason.is_none());
    assert_eq!(log.says::<Records>("restoration_reason").as_deref(), Some("\"needed\""));
}

#[test]
fn what_is_attached_is_listed_in_that_order_through_amendments_until_it_is_detached() {
    let document = |n| DocumentId(Uuid::from_u128(n));
    let attached = |n| DocumentAttached { document_id: document(n), attached_at: Instant::from_micros(4) }.into();
    let amended =
        RecordAmended { version: 2, record: record("HbA1c, corrected"), reason: "typo".try_into().unwrap(), amended_at: Instant::from_micros(5) };
    let detached =
        DocumentDetached { document_id: document(9), reason: "of another visit".try_into().unwrap(), detached_at: Instant::from_micros(6) };
    let events = [created(), attached(9), attached(3), amended.into()];
    assert_eq!(given(events.clone()).rows::<Records>().remove(0).row.attachments, [document(9), document(3)]);
    let log = given(events.into_iter().chain([detached.into()]));
    assert_eq!(log.rows::<Records>().remove(0).row.attachments, [document(3)]);
}

#[test]
fn a_record_is_found_by_the_words_of_all_that_it_says_in_its_newest_version() {
    let words = |log: &Log| {
        let words = log.says::<words::RecordWords>("word_tokens").unwrap();
        words.split(' ').filter_map(|word| word.strip_prefix("words:")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(words(&given([created(), signed(), summarized(1)])), ["hba1c"]);
    let mut said = record("HbA1c");
    (said.notes, said.symptoms) = (Some("Très fatigué".try_into().unwrap()), vec!["Thirst".try_into().unwrap()]);
    said.lab_results = Some(r#"{"name": ["Sodium", {"flag": "low", "system": "http://loinc.org", "value": 128}], "no": null}"#.try_into().unwrap());
    said.content = told(json!({ "format": "TEXT", "media_type": "text/plain", "text": "fatigue: seen" }));
    let amended = RecordAmended { version: 2, record: said, reason: "typo".try_into().unwrap(), amended_at: Instant::from_micros(3) };
    assert_eq!(words(&given([created(), amended.into()])), ["hba1c", "tres", "fatigue", "thirst", "sodium", "low", "seen"]);
}

#[test]
fn a_record_that_says_very_much_is_found_by_the_first_words_of_it() {
    let mut said = record("Title");
    said.notes = Some((0..600).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ").try_into().unwrap());
    let created = RecordCreated { record: said, status: RecordStatus::Completed, created_at: Instant::from_micros(1) };
    let words = given([created.into()]).says::<words::RecordWords>("word_tokens").unwrap();
    let words: Vec<_> = words.split(' ').filter_map(|word| word.strip_prefix("words:")).collect();
    assert_eq!((words.len(), words[0], words[1], words[499]), (words::MOST_WORDS, "title", "w0", "w498"));
}

#[test]
fn a_document_leads_to_the_record_that_holds_it_until_it_is_detached() {
    let [one, two] = [1, 2].map(|n| DocumentId(Uuid::from_u128(n)));
    let attached = |document_id| DocumentAttached { document_id, attached_at: Instant::from_micros(2) }.into();
    let detached = DocumentDetached { document_id: one, reason: "another's".try_into().unwrap(), detached_at: Instant::from_micros(3) };
    let held = |log: Log| log.rows::<documents::RecordDocuments>().iter().map(|row| row.row.document_id).collect::<Vec<_>>();
    assert_eq!(held(given([created(), attached(one), attached(two)])), [one, two]);
    assert_eq!(held(given([created(), attached(one), attached(two), detached.into()])), [two]);
}

#[test]
fn a_kind_of_summary_leads_to_the_record_once() {
    let log = given([created(), summarized(1), summarized(2)]);
    let kinds = log.rows::<summaries::RecordSummaries>();
    assert_eq!(kinds.iter().map(|row| row.row.summary_type).collect::<Vec<_>>(), log.rows::<Records>()[0].row.summary_types);
    assert_eq!(kinds.len(), 1);
}
