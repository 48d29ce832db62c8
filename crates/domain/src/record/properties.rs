//! What holds of a record whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::document::{Document, DocumentCommand};
use crate::testing::strategies::{clinical_value, code, date, id, instant, json, line, now, text};
use crate::testing::{live, live_on};
use crate::{AccountId, ObjectId};

fn content() -> impl Strategy<Value = RecordContent> {
    let fhir = (line(), option::of(line()), line(), json()).prop_map(|(resource_type, resource_id, fhir_version, resource)| RecordContent::Fhir {
        resource_type,
        resource_id,
        fhir_version,
        resource,
    });
    let written = (line(), text()).prop_map(|(media_type, text)| RecordContent::Text { media_type, text });
    prop_oneof![json().prop_map(RecordContent::StructuredJson), fhir, written]
}

fn source() -> impl Strategy<Value = RecordSource> {
    prop::sample::select(vec!["lab.example", "scans.example"])
        .prop_map(|system| RecordSource { system: system.try_into().expect("a line"), external_id: "7".try_into().expect("a line") })
}

fn new_record() -> impl Strategy<Value = NewRecord> {
    // few types, patients and sources, so that amendments often fit
    let record_type = prop::sample::select(vec![RecordType::LabResult, RecordType::LabResult, RecordType::Other]);
    let whose = (prop::sample::select(vec![1_u128, 1, 1, 2]), record_type, option::weighted(0.2, source()));
    let when = (instant(), option::of(date()), option::of(instant()));
    let findings = vec((code(), option::of(clinical_value())).prop_map(|(code, value)| Finding { code, value }), 0..3);
    let what = (line(), vec(code(), 0..2), option::of(clinical_value()), findings, vec(text(), 0..2), option::of(json()), option::of(content()));
    (whose, when, what).prop_map(|((patient, record_type, source), (record_date, visit_date, effective_at), what)| {
        let (title, codes, value, components, symptoms, lab_results, content) = what;
        NewRecord {
            patient_id: PatientId(Uuid::from_u128(patient)),
            record_type,
            provider_id: None,
            appointment_id: None,
            record_date,
            visit_date,
            effective_at,
            title,
            description: None,
            codes,
            value,
            components,
            diagnosis: None,
            symptoms,
            treatment: None,
            medications: None,
            lab_results,
            imaging_results: None,
            notes: None,
            content,
            source,
        }
    })
}

fn summary() -> impl Strategy<Value = NewSummary> {
    let summary_type = prop::sample::select(SummaryType::ALL.to_vec());
    (summary_type, text(), line(), line(), any::<u32>(), option::of(any::<u32>())).prop_map(
        |(summary_type, text, llm_provider, llm_model, processing_time_ms, token_count)| NewSummary {
            summary_type,
            text,
            llm_provider,
            llm_model,
            confidence: None,
            processing_time_ms,
            token_count,
        },
    )
}

fn command() -> impl Strategy<Value = RecordCommand> {
    use RecordCommand::*;
    let status = prop::sample::select(RecordStatus::ALL.to_vec());
    prop_oneof![
        4 => (now(), new_record(), status).prop_map(|(now, record, status)| Create { now, record: Box::new(record), status }),
        2 => now().prop_map(|now| StartProcessing { now }),
        2 => now().prop_map(|now| CompleteProcessing { now }),
        1 => (now(), text()).prop_map(|(now, processing_error)| FailProcessing { now, processing_error }),
        4 => (now(), new_record(), text()).prop_map(|(now, record, reason)| Amend { now, record: Box::new(record), reason }),
        2 => (now(), id()).prop_map(|(now, provider_id)| Sign { now, provider_id }),
        1 => (now(), id(), summary()).prop_map(|(now, summary_id, summary)| Summarize { now, summary_id, summary: Box::new(summary) }),
        1 => (now(), option::of(text())).prop_map(|(now, reason)| Archive { now, reason }),
        1 => (now(), text()).prop_map(|(now, reason)| Restore { now, reason }),
        1 => (now(), text()).prop_map(|(now, reason)| MarkEnteredInError { now, reason }),
        3 => (now(), id()).prop_map(|(now, document_id)| AttachDocument { now, document_id }),
        2 => (now(), id(), text()).prop_map(|(now, document_id, reason)| DetachDocument { now, document_id, reason }),
    ]
}

/// A document of the patient who most records are about.
fn a_document() -> Grounds {
    let document = serde_json::from_value(serde_json::json!({
        "patient_id": Uuid::from_u128(1), "kind": "LAB_RESULT", "file_name": "scan.pdf", "media_type": "application/pdf", "size_bytes": 9,
        "sha256": "ab".repeat(32),
    }));
    let (object_id, account_id) = (ObjectId(Uuid::from_u128(3)), AccountId(Uuid::from_u128(4)));
    let now = Instant::from_micros(0);
    let register = DocumentCommand::Register { now, document: Box::new(document.expect("a document")), object_id, account_id };
    let events = Document::default().decide(register).expect("nothing is there yet");
    Grounds { document: events.iter().fold(Document::default(), Document::evolve), ..Grounds::default() }
}

fn attachments(record: &Record) -> Vec<DocumentId> {
    match record {
        Record::Written { attachments, .. } => attachments.clone(),
        Record::Absent | Record::EnteredInError { .. } => vec![],
    }
}

fn version_and_source(record: &Record) -> Option<(u16, Option<RecordSource>)> {
    match record {
        Record::Written { record, version, .. } => Some((*version, record.source.clone())),
        Record::Absent | Record::EnteredInError { .. } => None,
    }
}

proptest! {
    // records are big: fewer of them, so that the test stays quick
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn a_records_versions_are_dense_and_its_source_stays(commands in vec(command(), 0..25)) {
        let life = live::<Record>(Uuid::from_u128(42), commands);
        for (before, event) in &life.events {
            let Some((version, source)) = version_and_source(before) else { continue };
            let Some((next, source_next)) = version_and_source(&before.clone().evolve(event)) else { continue };
            let step = u16::from(matches!(event, RecordEvent::RecordAmended(_)));
            prop_assert_eq!(next, version + step, "after {:?}", event);
            prop_assert!(source_next == source, "the claim of a source is taken once, by its first version");
        }
    }

    #[test]
    fn a_record_claims_only_when_it_is_created(commands in vec(command(), 0..25)) {
        let life = live::<Record>(Uuid::from_u128(42), commands);
        for (before, event) in &life.events {
            let claims = before.reservations(Uuid::from_u128(42), event).len();
            prop_assert!(claims <= usize::from(matches!(event, RecordEvent::RecordCreated(_))), "{:?}", event);
        }
    }

    #[test]
    fn what_is_archived_or_wrong_is_not_written_again(commands in vec(command(), 0..25)) {
        let life = live::<Record>(Uuid::from_u128(42), commands);
        for (before, event) in &life.events {
            prop_assert!(!matches!(before, Record::EnteredInError { .. }), "{:?} on what is marked as wrong", event);
            let archived = before.status() == Some(RecordStatus::Archived);
            let leaves = matches!(event, RecordEvent::RecordEnteredInError(_) | RecordEvent::RecordRestored(_));
            prop_assert!(!archived || leaves, "{:?} on what is archived", event);
        }
    }

    #[test]
    fn what_is_attached_is_there_once_and_is_the_same_patients(commands in vec(command(), 0..40)) {
        let life = live_on::<Record>(Uuid::from_u128(42), &a_document(), commands);
        for (before, event) in &life.events {
            let (had, has) = (attachments(before), attachments(&before.clone().evolve(event)));
            let (comes, goes) = (matches!(event, RecordEvent::DocumentAttached(_)), matches!(event, RecordEvent::DocumentDetached(_)));
            let is_wrong = matches!(event, RecordEvent::RecordEnteredInError(_));
            prop_assert!(is_wrong || has.len() + usize::from(goes) == had.len() + usize::from(comes), "after {event:?}");
            let is_of_the_patient = before.clone().evolve(event).subject(Uuid::nil(), event) == Subject::Person(Uuid::from_u128(1));
            prop_assert!(!comes || is_of_the_patient, "another patient's record has it");
            let distinct: std::collections::BTreeSet<_> = has.iter().collect();
            prop_assert_eq!(distinct.len(), has.len());
        }
    }
}
