use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::document::{DocumentCommand, NewDocument};
use crate::record::{NewRecord, RecordCommand, RecordCreated};
use crate::testing::given;
use crate::{AccountId, Aggregate as _, Ground, Grounds, ObjectId};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn document_id(n: u128) -> DocumentId {
    DocumentId(Uuid::from_u128(n))
}

fn note() -> NewRecord {
    let patient = Uuid::from_u128(1);
    serde_json::from_value(json!({ "patient_id": patient, "record_type": "IMAGING", "record_date": "2026-01-30T08:00:00Z", "title": "X-ray" }))
        .unwrap()
}

fn created() -> RecordEvent {
    RecordCreated { record: Box::new(note()), status: RecordStatus::Completed, created_at: now() }.into()
}

fn attached(n: u128) -> RecordEvent {
    DocumentAttached { document_id: document_id(n), attached_at: now() }.into()
}

fn detached() -> RecordEvent {
    DocumentDetached { document_id: document_id(7), reason: text("of another visit"), detached_at: now() }.into()
}

fn attach() -> RecordCommand {
    RecordCommand::AttachDocument { now: now(), document_id: document_id(7) }
}

fn detach() -> RecordCommand {
    RecordCommand::DetachDocument { now: now(), document_id: document_id(7), reason: text("of another visit") }
}

fn declared() -> String {
    "ab".repeat(32)
}

/// A document of that patient, of whom that is asked.
fn a_document(patient: u128, then: Vec<DocumentCommand>) -> Grounds {
    let document: NewDocument = serde_json::from_value(json!({
        "patient_id": Uuid::from_u128(patient), "kind": "MEDICAL_IMAGE", "file_name": "hand.dcm", "media_type": "application/dicom",
        "size_bytes": 9, "sha256": declared(),
    }))
    .unwrap();
    let register = DocumentCommand::Register {
        now: now(),
        document: Box::new(document),
        object_id: ObjectId(Uuid::from_u128(3)),
        account_id: AccountId(Uuid::from_u128(4)),
    };
    let commands = std::iter::once(register).chain(then);
    let document = commands.fold(Document::default(), |state, command| state.decide(command).unwrap().iter().fold(state, Document::evolve));
    Grounds { document, ..Grounds::default() }
}

fn remove() -> DocumentCommand {
    DocumentCommand::Remove { now: now(), reason: text("wrong file"), account_id: AccountId(Uuid::from_u128(4)) }
}

fn found(sha256: &str) -> DocumentCommand {
    let found_sha256 = sha256.to_owned().try_into().unwrap();
    DocumentCommand::VerifyChecksum { now: now(), found_sha256, account_id: AccountId(Uuid::from_u128(4)) }
}

#[test]
fn a_document_of_the_same_patient_is_attached_once() {
    given::<Record>([created()]).on(a_document(1, vec![])).when(attach()).then([attached(7)]);
    given::<Record>([created()]).on(a_document(1, vec![found(&declared())])).when(attach()).then([attached(7)]);
    given::<Record>([created(), attached(7)]).on(a_document(1, vec![])).when(attach()).then([]);
    given::<Record>([created(), attached(7)]).on(a_document(1, vec![remove()])).when(attach()).then([]);
}

#[test]
fn what_is_unknown_removed_wrong_or_another_patients_is_not_attached() {
    for (grounds, refusal) in [
        (Grounds::default(), RecordError::UnknownDocument),
        (a_document(2, vec![]), RecordError::DocumentOfOtherPatient),
        (a_document(2, vec![remove()]), RecordError::DocumentOfOtherPatient),
        (a_document(1, vec![remove()]), RecordError::DocumentRemoved),
        (a_document(1, vec![found(&"cd".repeat(32))]), RecordError::DocumentMismatched),
    ] {
        given::<Record>([created()]).on(grounds).when(attach()).then_error(refusal);
    }
}

#[test]
fn what_is_attached_is_detached_once_for_a_reason_and_may_come_back() {
    given::<Record>([created(), attached(7), attached(8)]).when(detach()).then([detached()]);
    given::<Record>([created()]).when(detach()).then([]);
    given::<Record>([created(), attached(7), detached()]).when(detach()).then([]);
    given::<Record>([created(), attached(7), detached()]).on(a_document(1, vec![])).when(attach()).then([attached(7)]);
}

#[test]
fn nothing_is_attached_to_or_detached_from_what_is_put_away_or_wrong() {
    let archive = || RecordCommand::Archive { now: now(), reason: None };
    let mark = || RecordCommand::MarkEnteredInError { now: now(), reason: text("wrong") };
    for (command, refusal) in [(archive(), RecordError::Archived), (mark(), RecordError::EnteredInError)] {
        let before = [created(), attached(7)].iter().fold(Record::default(), Record::evolve);
        let events = [vec![created(), attached(7)], before.decide(command).unwrap()].concat();
        for asked in [attach(), detach()] {
            given::<Record>(events.clone()).on(a_document(1, vec![])).when(asked).then_error(refusal);
        }
    }
    for asked in [attach(), detach()] {
        given::<Record>([]).on(a_document(1, vec![])).when(asked).then_error(RecordError::NotCreated);
    }
}

#[test]
fn a_record_has_at_most_100_attachments() {
    let full = || std::iter::once(created()).chain((100..200).map(attached));
    given::<Record>(full()).on(a_document(1, vec![])).when(attach()).then_error(RecordError::TooManyAttachments);
    let again = RecordCommand::AttachDocument { now: now(), document_id: document_id(100) };
    given::<Record>(full()).on(a_document(1, vec![])).when(again).then([]);
}

#[test]
fn an_amended_record_keeps_what_is_attached() {
    let amended = NewRecord { title: "X-ray of the hand".try_into().unwrap(), ..note() };
    let amend = RecordCommand::Amend { now: now(), record: Box::new(amended), reason: text("typo") };
    let before = [created(), attached(7)].iter().fold(Record::default(), Record::evolve);
    let events = [vec![created(), attached(7)], before.decide(amend).unwrap()].concat();
    given::<Record>(events).when(detach()).then([detached()]);
}

#[test]
fn attaching_rests_on_the_document() {
    assert_eq!(Record::default().grounds(&attach()), [Ground::Document(document_id(7))]);
    assert_eq!(Record::default().grounds(&detach()), []);
}
