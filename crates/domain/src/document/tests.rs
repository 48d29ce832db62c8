use super::*;
use crate::testing::{Given, given};

/// 2026-01-31T09:30:00Z
fn now() -> Instant {
    Instant::from_micros(1_769_851_800_000_000)
}

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

fn somebody() -> AccountId {
    AccountId(Uuid::from_u128(5))
}

fn declared() -> Sha256 {
    "ab".repeat(32).try_into().unwrap()
}

fn other() -> Sha256 {
    "cd".repeat(32).try_into().unwrap()
}

fn scan() -> NewDocument {
    let sha256 = declared();
    serde_json::from_value(serde_json::json!({
        "patient_id": "00000000-0000-0000-0000-000000000001", "kind": "LAB_RESULT", "file_name": "HbA1c of Zoë.pdf",
        "media_type": "application/pdf", "size_bytes": 48_213, "sha256": sha256, "source": { "system": "lab.example", "external_id": "7" },
    }))
    .unwrap()
}

fn object() -> ObjectId {
    ObjectId(Uuid::from_u128(0xfeed))
}

fn successor() -> DocumentId {
    DocumentId(Uuid::from_u128(12))
}

fn verify(found_sha256: Sha256) -> DocumentCommand {
    DocumentCommand::VerifyChecksum { now: now(), found_sha256, account_id: somebody() }
}

fn supersede_by(superseded_by: DocumentId) -> DocumentCommand {
    DocumentCommand::Supersede { now: now(), id: DocumentId(Uuid::from_u128(11)), superseded_by, reason: None }
}

const REGISTER: fn() -> DocumentCommand =
    || DocumentCommand::Register { now: now(), document: Box::new(scan()), object_id: object(), account_id: somebody() };
const VERIFY: fn() -> DocumentCommand = || verify(declared());
const MISMATCH: fn() -> DocumentCommand = || verify(other());
const START: fn() -> DocumentCommand = || DocumentCommand::StartProcessing { now: now() };
const COMPLETE: fn() -> DocumentCommand = || DocumentCommand::CompleteProcessing { now: now(), extracted_text: Some(text("HbA1c 5.6 %")) };
const FAIL: fn() -> DocumentCommand = || DocumentCommand::FailProcessing { now: now(), processing_error: text("upside down") };
const SUPERSEDE: fn() -> DocumentCommand = || supersede_by(successor());
const REMOVE: fn() -> DocumentCommand = || DocumentCommand::Remove { now: now(), reason: text("another patient's"), account_id: somebody() };

fn registered() -> DocumentEvent {
    DocumentRegistered { document: scan(), object_id: object(), registered_by: somebody(), registered_at: now() }.into()
}

fn verified() -> DocumentEvent {
    DocumentChecksumVerified { verified_by: somebody(), verified_at: now() }.into()
}

fn mismatched() -> DocumentEvent {
    DocumentChecksumMismatched { found_sha256: other(), found_by: somebody(), found_at: now() }.into()
}

fn started() -> DocumentEvent {
    DocumentProcessingStarted { started_at: now() }.into()
}

fn completed() -> DocumentEvent {
    DocumentProcessingCompleted { extracted_text: Some(text("HbA1c 5.6 %")), completed_at: now() }.into()
}

fn failed() -> DocumentEvent {
    DocumentProcessingFailed { processing_error: text("upside down"), failed_at: now() }.into()
}

fn superseded() -> DocumentEvent {
    DocumentSuperseded { superseded_by: successor(), reason: None, superseded_at: now() }.into()
}

fn removed() -> DocumentEvent {
    DocumentRemoved { reason: text("another patient's"), removed_by: somebody(), removed_at: now() }.into()
}

/// A document of that patient, to which that happened.
fn another(patient: u128, then: &[DocumentEvent]) -> Grounds {
    let document = NewDocument { patient_id: PatientId(Uuid::from_u128(patient)), ..scan() };
    let registered = DocumentRegistered { document, object_id: object(), registered_by: somebody(), registered_at: now() }.into();
    let document = then.iter().fold(Document::default().evolve(&registered), Document::evolve);
    Grounds { document, ..Grounds::default() }
}

/// A verified document in a status, where there is a newer one.
fn a_document(status: DocumentStatus) -> Given<Document> {
    let (begun, more) = (vec![registered(), verified()], |more: &[DocumentEvent]| more.to_vec());
    let then = match status {
        DocumentStatus::Pending => vec![],
        DocumentStatus::Processing => more(&[started()]),
        DocumentStatus::Completed => more(&[started(), completed()]),
        DocumentStatus::Failed => more(&[started(), failed()]),
        DocumentStatus::Archived => more(&[superseded()]),
    };
    let events = [begun, then].concat();
    let state = events.iter().fold(Document::default(), Document::evolve);
    assert_eq!(state.file().map(|file| file.status), Some(status));
    given(events).on(another(1, &[]))
}

/// What a command leads to in every status, in the order of the statuses; after a removal it is refused.
fn in_every_status(command: fn() -> DocumentCommand, expected: [Result<Option<DocumentEvent>, DocumentError>; 5]) {
    for (status, expected) in DocumentStatus::ALL.iter().zip(expected) {
        let when = a_document(*status).when(command());
        match expected {
            Ok(event) => when.then(event),
            Err(refusal) => when.then_error(refusal),
        }
    }
    given::<Document>([]).when(command()).then_error(DocumentError::NotRegistered);
    given::<Document>([registered(), verified(), removed()]).when(command()).then_error(DocumentError::Removed);
}

#[test]
fn a_document_is_registered_once() {
    given::<Document>([]).when(REGISTER()).then([registered()]);
    given::<Document>([registered()]).when(REGISTER()).then_error(DocumentError::AlreadyRegistered);
    given::<Document>([registered(), removed()]).when(REGISTER()).then_error(DocumentError::AlreadyRegistered);
}

#[test]
fn the_file_that_was_declared_is_verified_once() {
    let again = || Ok(None);
    in_every_status(VERIFY, [again(), again(), again(), again(), again()]);
    given::<Document>([registered()]).when(VERIFY()).then([verified()]);
}

#[test]
fn another_file_than_the_declared_one_is_recorded_even_after_it_was_verified() {
    let found = || Ok(Some(mismatched()));
    in_every_status(MISMATCH, [found(), found(), found(), found(), found()]);
    given::<Document>([registered()]).when(MISMATCH()).then([mismatched()]);
}

#[test]
fn what_was_found_to_be_another_file_is_never_verified_again() {
    for events in [vec![registered(), mismatched()], vec![registered(), verified(), mismatched()]] {
        given::<Document>(events.clone()).when(VERIFY()).then_error(DocumentError::ChecksumMismatched);
        given::<Document>(events.clone()).when(MISMATCH()).then([]);
        given::<Document>(events).when(START()).then_error(DocumentError::ChecksumMismatched);
    }
}

#[test]
fn only_a_verified_file_is_processed() {
    use DocumentError::{AlreadyProcessed, Superseded};
    in_every_status(START, [Ok(Some(started())), Ok(None), Err(AlreadyProcessed), Ok(Some(started())), Err(Superseded)]);
    given::<Document>([registered()]).when(START()).then_error(DocumentError::NotVerified);
}

#[test]
fn processing_completes_what_is_processed() {
    use DocumentError::{AlreadyProcessed, ChecksumMismatched, NotProcessing, Superseded};
    in_every_status(COMPLETE, [Err(NotProcessing), Ok(Some(completed())), Err(AlreadyProcessed), Err(NotProcessing), Err(Superseded)]);
    given::<Document>([registered(), verified(), started(), mismatched()]).when(COMPLETE()).then_error(ChecksumMismatched);
}

#[test]
fn processing_fails_only_while_it_goes_on() {
    use DocumentError::{AlreadyProcessed, NotProcessing, Superseded};
    in_every_status(FAIL, [Err(NotProcessing), Ok(Some(failed())), Err(AlreadyProcessed), Err(NotProcessing), Err(Superseded)]);
    given::<Document>([registered(), verified(), started(), mismatched()]).when(FAIL()).then([failed()]);
}

#[test]
fn a_newer_document_takes_the_place_of_an_older_one() {
    let takes = || Ok(Some(superseded()));
    in_every_status(SUPERSEDE, [takes(), takes(), takes(), takes(), Ok(None)]);
    let itself = supersede_by(DocumentId(Uuid::from_u128(11)));
    assert_eq!(Document::default().grounds(&itself), []);
    given::<Document>([registered()]).when(itself).then_error(DocumentError::OwnSuccessor);
    assert_eq!(Document::default().grounds(&SUPERSEDE()), [Ground::Document(successor())]);
    assert!(Ground::is_of_type(Document::TYPE), "so whoever changes the successor is waited for");
}

#[test]
fn whoever_named_the_wrong_successor_names_the_right_one() {
    let right = DocumentId(Uuid::from_u128(13));
    let event = DocumentSuperseded { superseded_by: right, reason: None, superseded_at: now() };
    a_document(DocumentStatus::Archived).when(supersede_by(right)).then([event.into()]);
}

#[test]
fn a_successor_is_in_use_and_of_the_same_patient() {
    use DocumentError::{OtherPatient, SuccessorOutOfUse, UnknownSuccessor};
    for (grounds, refusal) in [
        (Grounds::default(), UnknownSuccessor),
        (another(2, &[]), OtherPatient),
        (another(2, &[removed()]), OtherPatient),
        (another(1, &[removed()]), SuccessorOutOfUse),
        (another(1, &[superseded()]), SuccessorOutOfUse),
        (another(1, &[mismatched()]), SuccessorOutOfUse),
    ] {
        given::<Document>([registered()]).on(grounds).when(SUPERSEDE()).then_error(refusal);
    }
}

#[test]
fn a_document_is_removed_from_everywhere_and_stays_so() {
    for status in DocumentStatus::ALL {
        a_document(*status).when(REMOVE()).then([removed()]);
    }
    given::<Document>([registered(), mismatched()]).when(REMOVE()).then([removed()]);
    given::<Document>([registered(), removed()]).when(REMOVE()).then([]);
    given::<Document>([]).when(REMOVE()).then_error(DocumentError::NotRegistered);
}

#[test]
fn a_document_of_another_system_claims_its_id_there_until_it_is_removed_or_found_to_be_another() {
    let (kind, value) = ("document-source", "lab.example|7".to_owned());
    assert!(Document::default().reservations(Uuid::nil(), &registered()) == [Reservation::Claim { kind, value: value.clone() }]);
    let kept = Document::default().evolve(&registered());
    assert!(kept.reservations(Uuid::nil(), &removed()) == [Reservation::Release { kind, value: value.clone() }]);
    assert!(kept.reservations(Uuid::nil(), &mismatched()) == [Reservation::Release { kind, value }]);
    // by then the right file may have it
    assert!(kept.evolve(&mismatched()).reservations(Uuid::nil(), &removed()).is_empty());
    let document = NewDocument { source: None, ..scan() };
    let of_our_own = DocumentRegistered { document, object_id: object(), registered_by: somebody(), registered_at: now() }.into();
    assert!(Document::default().reservations(Uuid::nil(), &of_our_own).is_empty());
}

#[test]
fn every_event_of_a_document_is_sealed_under_the_patients_key() {
    let patient = Subject::Person(Uuid::from_u128(1));
    let kept = Document::default().evolve(&registered());
    assert_eq!(kept.subject(Uuid::nil(), &registered()), patient);
    assert_eq!(kept.evolve(&removed()).subject(Uuid::nil(), &removed()), patient);
}

#[test]
fn a_file_lies_in_the_folder_of_its_kind_under_a_name_that_tells_nothing() {
    let folders: Vec<_> = DocumentKind::ALL.iter().map(|kind| kind.folder()).collect();
    let expected = [
        "documents/medical-records",
        "documents/insurance",
        "documents/consent-forms",
        "images/profile-photos",
        "images/medical-images",
        "reports/lab-results",
        "reports/diagnostic-reports",
    ];
    assert_eq!(folders, expected);
    let path = "patients/00000000-0000-0000-0000-000000000001/reports/lab-results/00000000-0000-0000-0000-00000000feed";
    assert_eq!(scan().storage_path(object()), path);
}

#[test]
fn a_file_has_a_name_a_type_and_a_size() {
    let name = |name: &str| FileName::try_from(name.to_owned()).is_ok();
    assert!(name("Befund Müller (2).pdf") && name(".hidden"));
    for wrong in ["", "  ", "../etc/passwd", "a\\b", "..", " . ", "a\u{0}b", "a\nb"] {
        assert!(!name(wrong), "{wrong:?}");
    }
    assert!(name(&"x".repeat(255)) && !name(&"x".repeat(256)));
    let media_type = |text: &str| MediaType::try_from(text.to_owned()).is_ok();
    assert!(media_type("application/pdf") && media_type("image/svg+xml") && media_type("application/vnd.oasis.opendocument.text"));
    for wrong in ["", "pdf", "application/", "/pdf", "Application/PDF", "text/plain; charset=utf-8", "a/b/c", "text/.x"] {
        assert!(!media_type(wrong), "{wrong:?}");
    }
    let size = |bytes: i64| FileSize::try_from(bytes).is_ok();
    assert!(size(1) && size(5_497_558_138_880) && !size(0) && !size(-1) && !size(5_497_558_138_881));
}

#[test]
fn no_debug_text_of_a_document_tells_anything() {
    let kept = Document::default().evolve(&registered());
    let said = format!("{:?} {:?} {:?} {:?} {:?} {kept:?}", scan(), scan().file_name, scan().source, registered(), REGISTER());
    assert!(!said.contains("Zoë") && !said.contains("lab.example") && !said.contains(declared().as_str()), "{said}");
}
