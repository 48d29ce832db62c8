//! What holds of a document whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::strategies::{id, line, now, text};
use crate::testing::{Life, claims_held, live_on};

fn sha256() -> impl Strategy<Value = Sha256> + Clone {
    // few, so that they are often the declared one
    prop::sample::select(vec!["a", "a", "a", "b", "c"]).prop_map(|digit| digit.repeat(64).try_into().expect("a digest"))
}

fn new_document() -> impl Strategy<Value = NewDocument> {
    let source = (line(), line()).prop_map(|(system, external_id)| DocumentSource { system, external_id });
    let kind = prop::sample::select(DocumentKind::ALL.to_vec());
    (prop::sample::select(vec![1_u128, 1, 2]), kind, "[^\\pC\\pZ/\\\\.]{1,20}", 1..9_000_i64, sha256(), option::of(source)).prop_map(
        |(patient, kind, file_name, size, sha256, source)| NewDocument {
            patient_id: PatientId(Uuid::from_u128(patient)),
            kind,
            file_name: file_name.try_into().expect("a file's name"),
            media_type: "application/pdf".to_owned().try_into().expect("a media type"),
            size_bytes: size.try_into().expect("a size"),
            sha256,
            source,
        },
    )
}

fn command() -> impl Strategy<Value = DocumentCommand> {
    use DocumentCommand::*;
    prop_oneof![
        3 => (now(), new_document(), id(), id())
            .prop_map(|(now, document, object_id, account_id)| Register { now, document: Box::new(document), object_id, account_id }),
        4 => (now(), sha256(), id()).prop_map(|(now, found_sha256, account_id)| VerifyChecksum { now, found_sha256, account_id }),
        3 => now().prop_map(|now| StartProcessing { now }),
        2 => (now(), option::of(text())).prop_map(|(now, extracted_text)| CompleteProcessing { now, extracted_text }),
        1 => (now(), text()).prop_map(|(now, processing_error)| FailProcessing { now, processing_error }),
        1 => (now(), id(), id(), option::of(text()))
            .prop_map(|(now, id, superseded_by, reason)| Supersede { now, id, superseded_by, reason }),
        1 => (now(), text(), id()).prop_map(|(now, reason, account_id)| Remove { now, reason, account_id }),
    ]
}

/// What becomes of a document when there is another one, to which the first commands happened.
fn lived((others, commands): (Vec<DocumentCommand>, Vec<DocumentCommand>)) -> Life<Document> {
    let document = live_on::<Document>(Uuid::from_u128(41), &Grounds::default(), others).state;
    live_on(Uuid::from_u128(42), &Grounds { document, ..Grounds::default() }, commands)
}

fn commands() -> impl Strategy<Value = (Vec<DocumentCommand>, Vec<DocumentCommand>)> {
    (vec(command(), 0..6), vec(command(), 0..30))
}

proptest! {
    #[test]
    fn a_file_counts_as_verified_only_while_every_look_at_it_found_what_was_declared(commands in commands()) {
        let life = lived(commands);
        let mut looks_right = true;
        for (before, event) in &life.events {
            looks_right &= !matches!(event, DocumentEvent::DocumentChecksumMismatched(_));
            let after = before.clone().evolve(event);
            let is_verified = after.file().is_some_and(|file| file.checksum == ChecksumStatus::Verified);
            prop_assert!(!is_verified || looks_right, "after {event:?}");
            if let DocumentEvent::DocumentProcessingStarted(_) | DocumentEvent::DocumentProcessingCompleted(_) = event {
                prop_assert!(before.file().is_some_and(|file| file.checksum == ChecksumStatus::Verified), "{event:?}");
            }
        }
    }

    #[test]
    fn nothing_happens_to_what_is_removed_and_what_is_superseded_stays_so(commands in commands()) {
        let life = lived(commands);
        for (before, event) in &life.events {
            let is_removed = matches!(before, Document::Removed { .. });
            prop_assert!(!is_removed, "{event:?} on what is removed");
            let after = before.clone().evolve(event);
            if let Some(file) = after.file() {
                prop_assert_eq!(file.superseded_by.is_some(), file.status == DocumentStatus::Archived, "after {:?}", event);
            }
            let was_superseded = before.file().is_some_and(|file| file.superseded_by.is_some());
            prop_assert!(!was_superseded || after.file().is_none_or(|file| file.superseded_by.is_some()), "after {event:?}");
        }
    }

    #[test]
    fn a_document_holds_its_source_as_long_as_it_is_kept(commands in commands()) {
        let life = lived(commands);
        let story: Vec<_> = life.events.into_iter().map(|(_, event)| event).collect();
        let held = claims_held::<Document>(Uuid::from_u128(42), &story).len();
        let claims = life.state.file().is_some_and(|file| file.claim.is_some());
        prop_assert_eq!(held, usize::from(claims));
    }
}
