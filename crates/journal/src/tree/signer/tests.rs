#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::tree::{Hash, TileMap, Tree, proof};

const ORIGIN: &str = "log.example/test";

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signer");
    (directory, path)
}

fn open(path: &Path) -> Signer {
    Signer::open_or_create(path, ORIGIN).unwrap()
}

/// A log whose leaves up to `changed` are one story, and from there on another.
fn log(size: u64, changed: u64) -> Tree {
    let mut tree = Tree::new();
    tree.extend((0..size).map(|index| Hash::leaf(&[u8::from(index >= changed), u8::try_from(index).unwrap()])));
    tree
}

fn honest(size: u64) -> Tree {
    log(size, u64::MAX)
}

/// What the log's keeper does: ask for the last head, prove, ask for a signature.
fn sign(signer: &Signer, tree: &Tree) -> Result<SignedCheckpoint, SignerError> {
    let from = signer.last()?.head().size.min(tree.size());
    signer.sign(tree.head(), &proof::consistency(from, tree.size(), &tree.over(&TileMap::new())).unwrap())
}

#[test]
fn a_growing_log_is_signed_and_anybody_can_check() {
    let (_directory, path) = place();
    let signer = open(&path);
    let key: VerifyingKey = signer.verifying_key().to_string().parse().unwrap();
    assert_eq!(signer.last().unwrap().head(), Head::EMPTY);
    for size in [0, 1, 2, 3, 8, 9, 200, 255] {
        let last = sign(&signer, &honest(size)).unwrap();
        assert_eq!(SignedCheckpoint::open(last.note(), &key).unwrap().head(), honest(size).head());
        assert_eq!(signer.last().unwrap(), last);
    }
}

#[test]
fn a_signer_remembers_over_a_restart() {
    let (_directory, path) = place();
    let first = open(&path);
    let last = sign(&first, &honest(100)).unwrap();
    let second = open(&path);
    assert_eq!(second.verifying_key(), first.verifying_key());
    assert_eq!(second.last().unwrap(), last);
    assert!(matches!(sign(&second, &honest(99)), Err(SignerError::RolledBack { remembered: 100, offered: 99 })));
}

#[test]
fn a_database_that_was_rolled_back_gets_no_signature() {
    let (_directory, path) = place();
    let signer = open(&path);
    let last = sign(&signer, &honest(100)).unwrap();
    for size in [0, 1, 64, 99] {
        assert!(matches!(sign(&signer, &honest(size)), Err(SignerError::RolledBack { remembered: 100, .. })));
    }
    assert_eq!(signer.last().unwrap(), last, "a refusal changes nothing");
    sign(&signer, &honest(101)).unwrap();
}

#[test]
fn a_database_that_was_rewritten_gets_no_signature_however_it_has_grown() {
    let (_directory, path) = place();
    let signer = open(&path);
    let last = sign(&signer, &honest(100)).unwrap();
    for size in [101, 128, 200] {
        for changed in [0, 50, 99] {
            let refused = sign(&signer, &log(size, changed));
            assert!(matches!(refused, Err(SignerError::Rewritten { remembered: 100, .. })), "changed at {changed}");
        }
    }
    assert_eq!(signer.last().unwrap(), last);
    sign(&signer, &log(200, 100)).unwrap();
}

#[test]
fn no_two_roots_are_signed_for_one_size() {
    let (_directory, path) = place();
    let signer = open(&path);
    let last = sign(&signer, &honest(100)).unwrap();
    assert!(matches!(sign(&signer, &log(100, 99)), Err(SignerError::Rewritten { remembered: 100, offered: 100 })));
    assert_eq!(sign(&signer, &honest(100)).unwrap(), last, "the same head is no second one");
    let not_empty = Head { size: 0, root: honest(1).root() };
    let (_directory, path) = place();
    assert!(open(&path).sign(not_empty, &Consistency { from: 0, hashes: vec![] }).is_err());
}

#[test]
fn two_signers_take_turns_and_only_one_signs_a_size() {
    let (_directory, path) = place();
    let (one, other) = (open(&path), open(&path));
    let turn = take_turn(&path).unwrap();
    let (done, verdict) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || done.send(sign(&other, &log(9, 8))).unwrap());
        verdict.recv_timeout(Duration::from_millis(50)).expect_err("it is not the other's turn");
        remember(&path, &one.key, &SignedCheckpoint::sign(honest(9).head(), &one.key)).unwrap();
        drop(turn);
        assert!(verdict.recv().unwrap().is_err(), "two roots for one size");
    });
    assert_eq!(one.last().unwrap().head(), honest(9).head());
}

#[test]
fn a_proof_from_another_head_is_sent_back_for_a_new_one() {
    let (_directory, path) = place();
    let signer = open(&path);
    sign(&signer, &honest(10)).unwrap();
    let tree = honest(20);
    let proof = proof::consistency(9, 20, &tree).unwrap();
    assert!(matches!(signer.sign(tree.head(), &proof), Err(SignerError::ProofFromElsewhere { remembered: 10 })));
}

#[test]
fn the_file_is_its_owners_alone() {
    let (_directory, path) = place();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let signer = open(&path);
    assert_eq!(mode(), 0o600);
    sign(&signer, &honest(5)).unwrap();
    assert_eq!(mode(), 0o600);
    for mode in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(Signer::open_or_create(&path, ORIGIN), Err(SignerError::Permissions)));
        assert!(matches!(sign(&signer, &honest(6)), Err(SignerError::Permissions)));
    }
}

#[test]
fn a_crash_before_the_rename_leaves_the_old_head_and_a_working_signer() {
    let (_directory, path) = place();
    let signer = open(&path);
    let last = sign(&signer, &honest(10)).unwrap();
    write_new(&path, &signer.key, &SignedCheckpoint::sign(honest(20).head(), &signer.key)).unwrap();
    drop(signer);

    let signer = open(&path);
    assert_eq!(signer.last().unwrap(), last);
    sign(&signer, &honest(30)).unwrap();
    assert!(!beside(&path, ".new").exists());
}

#[test]
fn a_crash_while_the_first_file_was_written_leaves_room_for_a_key() {
    let (_directory, path) = place();
    fs::write(beside(&path, ".new"), "anamnesis-sig").unwrap();
    sign(&open(&path), &honest(1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_file_is_refused_and_kept() {
    let (_directory, path) = place();
    sign(&open(&path), &honest(10)).unwrap();
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let refused = Signer::open_or_create(&path, ORIGIN).is_err();
        refused && fs::read(&path).unwrap() == bytes
    };
    for length in 0..whole.len() {
        assert!(refused(&whole[..length]), "cut at {length}");
    }
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1;
        assert!(refused(&flipped), "flipped in byte {byte}");
    }
    assert!(!refused(&whole));
}

#[test]
fn a_head_signed_by_another_key_is_no_memory() {
    let (_directory, path) = place();
    let signer = open(&path);
    let (_other_directory, other) = place();
    open(&other);
    fs::copy(&other, &path).unwrap();
    assert!(matches!(sign(&signer, &honest(10)), Err(SignerError::Damaged(NoteError::Unsigned))));
}

#[test]
fn a_signer_serves_one_log() {
    let (_directory, path) = place();
    open(&path);
    assert!(matches!(Signer::open_or_create(&path, "log.example/other"), Err(SignerError::OtherOrigin)));
    let (_directory, path) = place();
    for origin in ["", "two words", "a+b", "line\n"] {
        assert!(matches!(Signer::open_or_create(&path, origin), Err(SignerError::Origin(NoteError::Name))), "{origin:?}");
        assert!(!path.exists());
    }
}

#[test]
fn the_secret_is_not_in_what_is_printed() {
    let (_directory, path) = place();
    let signer = open(&path);
    let file = fs::read_to_string(&path).unwrap();
    let secret = file.lines().nth(1).unwrap().splitn(5, '+').last().unwrap();
    assert!(file.contains(secret) && secret.len() > 10);
    let printed = format!("{signer:?} {signer:#?} {:?}", Signer::open_or_create(&path, "other").unwrap_err());
    assert!(!printed.contains(secret) && printed.contains(ORIGIN));
}
