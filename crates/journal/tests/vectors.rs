//! Do the bytes still agree with `docs/formats`, and does a stranger's program agree with the tree?
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anamnesis_journal::row::{Entry, Row, RowHash};
use anamnesis_journal::tree::{
    Checkpoint, Consistency, Hash, Head, SignedCheckpoint, Signer, TileId, TileMap, TileReader as _, Tree, VerifyingKey, proof, tile_bytes,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct RowVector {
    name: String,
    row: RowColumns,
    row_bytes: String,
    row_hash: String,
    position: u64,
    logged_at_us: i64,
    entry: String,
    leaf: String,
}

#[derive(Deserialize)]
struct RowColumns {
    event_id: Uuid,
    organization_id: Uuid,
    aggregate_type: String,
    aggregate_id: Uuid,
    sequence: u64,
    event_type: String,
    event_version: u32,
    fingerprint: String,
    subject_id: Uuid,
    metadata_subject_id: Uuid,
    recorded_at_us: i64,
    command_id: Uuid,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    actor_id: Uuid,
    payload: String,
    metadata: String,
}

#[test]
fn rows_and_entries_have_the_frozen_bytes() {
    let vectors: Vec<RowVector> = read("rows.json");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let name = &vector.name;
        let of = &vector.row;
        let (payload, metadata) = (hex::decode(&of.payload).unwrap(), hex::decode(&of.metadata).unwrap());
        let row = Row {
            event_id: of.event_id,
            organization_id: of.organization_id,
            aggregate_type: &of.aggregate_type,
            aggregate_id: of.aggregate_id,
            sequence: of.sequence,
            event_type: &of.event_type,
            event_version: of.event_version,
            fingerprint: hex::decode(&of.fingerprint).unwrap().try_into().unwrap(),
            subject_id: of.subject_id,
            metadata_subject_id: of.metadata_subject_id,
            recorded_at_us: of.recorded_at_us,
            command_id: of.command_id,
            correlation_id: of.correlation_id,
            causation_id: of.causation_id,
            actor_id: of.actor_id,
            payload: &payload,
            metadata: &metadata,
        };
        assert_eq!(hex::encode(row.to_bytes()), vector.row_bytes, "{name}");
        assert_eq!(row.hash().to_string(), vector.row_hash, "{name}");
        let entry = Entry {
            position: vector.position,
            logged_at_us: vector.logged_at_us,
            organization_id: of.organization_id,
            aggregate_type: &of.aggregate_type,
            aggregate_id: of.aggregate_id,
            sequence: of.sequence,
            subject_id: of.subject_id,
            row_hash: RowHash::try_from(hex::decode(&vector.row_hash).unwrap().as_slice()).unwrap(),
        };
        assert_eq!(hex::encode(entry.to_bytes()), vector.entry, "{name}");
        assert_eq!(entry.leaf().to_string(), vector.leaf, "{name}");
        assert_eq!(Hash::leaf(&entry.to_bytes()), entry.leaf(), "{name}");
    }
}

#[derive(Deserialize)]
struct TreeVectors {
    entries: Vec<String>,
    leaves: Vec<String>,
    roots: Vec<RootVector>,
    inclusion: Vec<InclusionVector>,
    consistency: Vec<ConsistencyVector>,
    tiles: Vec<TileVector>,
}

#[derive(Deserialize)]
struct RootVector {
    size: u64,
    root: String,
}

#[derive(Deserialize)]
struct InclusionVector {
    index: u64,
    size: u64,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct ConsistencyVector {
    from: u64,
    to: u64,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct TileVector {
    path: String,
    hashes: usize,
    sha256: String,
}

/// The first eight entries and their roots are those of the Certificate Transparency reference tests.
#[test]
fn the_tree_has_the_frozen_roots_proofs_and_tiles() {
    let vectors: TreeVectors = read("tree.json");
    let leaves: Vec<Hash> = hashes(&vectors.leaves);
    let of_entries: Vec<Hash> = vectors.entries.iter().map(|entry| Hash::leaf(&hex::decode(entry).unwrap())).collect();
    assert_eq!(of_entries, leaves);

    let mut tree = Tree::new();
    tree.extend(leaves.iter().copied());
    let stored: TileMap = tree.take_full_tiles().into_iter().map(|tile| (tile.id, tile.hashes)).collect();
    let tiles = tree.over(&stored);
    let root = |size| proof::root(size, &tiles).unwrap();
    for RootVector { size, root: expected } in vectors.roots {
        assert_eq!(root(size).to_string(), expected, "size {size}");
    }
    for InclusionVector { index, size, proof: expected } in vectors.inclusion {
        let made = proof::inclusion(index, size, &tiles).unwrap();
        assert_eq!(made, hashes(&expected), "leaf {index} of {size}");
        proof::verify_inclusion(index, leaves[usize::try_from(index).unwrap()], Head { size, root: root(size) }, &made).unwrap();
    }
    for ConsistencyVector { from, to, proof: expected } in vectors.consistency {
        let made = proof::consistency(from, to, &tiles).unwrap();
        assert_eq!(made, Consistency { from, hashes: hashes(&expected) }, "from {from} to {to}");
        proof::verify_consistency(Head { size: from, root: root(from) }, Head { size: to, root: root(to) }, &made).unwrap();
    }
    for TileVector { path, hashes, sha256 } in vectors.tiles {
        let (id, width) = TileId::from_path(&path).unwrap();
        let tile = tree.tile(id).or_else(|| stored.tile(id)).unwrap();
        assert_eq!((width, id.width_at(tree.size())), (hashes, hashes), "{path}");
        assert_eq!(hex::encode(Sha256::digest(tile_bytes(tile))), sha256, "{path}");
    }
}

fn hashes(hex: &[String]) -> Vec<Hash> {
    hex.iter().map(|hash| hash.parse().unwrap()).collect()
}

#[derive(Deserialize)]
struct CheckpointVector {
    origin: String,
    size: u64,
    root: String,
    vkey: String,
    note: String,
}

#[test]
fn a_checkpoint_signed_by_another_program_is_accepted() {
    let vector: CheckpointVector = read("checkpoint.json");
    let key: VerifyingKey = vector.vkey.parse().unwrap();
    assert_eq!(key.to_string(), vector.vkey);
    let signed = SignedCheckpoint::open(&vector.note, &key).unwrap();
    let expected = Checkpoint { origin: vector.origin, head: Head { size: vector.size, root: vector.root.parse().unwrap() } };
    assert_eq!(*signed.checkpoint(), expected);
    assert!(vector.note.starts_with(&format!("{expected}\n")));
}

/// The files of a log as it would serve them.
fn publish(tree: &Tree, stored: &TileMap, checkpoint: &SignedCheckpoint, directory: &Path) {
    let size = tree.size();
    let edge = (0..8).map(|level| TileId { level, index: size >> (8 * level) >> 8 });
    for id in stored.keys().copied().chain(edge.filter(|id| id.width_at(size) > 0)) {
        let path = directory.join(id.path(id.width_at(size)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, tile_bytes(tree.over(stored).tile(id).unwrap())).unwrap();
    }
    fs::write(directory.join("checkpoint"), checkpoint.note()).unwrap();
}

/// What a program says that shares nothing with us.
fn judge(key: &VerifyingKey, directory: &Path, older: &Path) -> Result<String, String> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/judge");
    let output = Command::new("go").args(["run", "."]).arg(key.to_string()).args([directory, older]).current_dir(tests).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn flip_a_bit(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Needs Go, which `./dev test` brings where the machine has none.
#[test]
fn an_independent_judge_accepts_our_log_and_sees_every_change() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let signer = Signer::open_or_create(at("signer"), "log.example/judged").unwrap();
    let (mut tree, mut stored) = (Tree::new(), TileMap::new());
    fs::copy(at("signer"), at("restored")).unwrap();
    for (older, size) in [(0, 300), (300, 65_536), (65_536, 66_600)] {
        tree.extend((tree.size()..size).map(|index| Hash::leaf(&index.to_be_bytes())));
        stored.extend(tree.take_full_tiles().into_iter().map(|tile| (tile.id, tile.hashes)));
        fs::write(at(&older.to_string()), signer.last().unwrap().note()).unwrap();
        let proof = proof::consistency(older, size, &tree.over(&stored)).unwrap();
        let checkpoint = signer.sign(tree.head(), &proof).unwrap();

        let log = at(&format!("log-{size}"));
        publish(&tree, &stored, &checkpoint, &log);
        let verdict = judge(signer.verifying_key(), &log, &at(&older.to_string())).unwrap();
        assert!(verdict.starts_with(&format!("the log holds {size} entries")), "{verdict}");
        assert!(verdict.contains(&format!("contains the {older} of")), "{verdict}");
    }

    let log = at("log-66600");
    let refused = |older: &str| judge(signer.verifying_key(), &log, &at(older)).unwrap_err();
    for (tile, byte) in
        [("tile/0/000", 0), ("tile/0/260.p/40", 1279), ("tile/0/128", 4000), ("tile/1/000", 17), ("tile/1/001.p/4", 127), ("tile/2/000.p/1", 31)]
    {
        flip_a_bit(&log.join(tile), byte);
        assert!(refused("300").starts_with("refused: "), "{tile}");
        flip_a_bit(&log.join(tile), byte);
    }
    let other = Signer::open_or_create(at("other"), "log.example/judged").unwrap();
    assert!(judge(other.verifying_key(), &log, &at("300")).unwrap_err().contains("no verifiable signatures"));

    // A signer whose own file was put back to an old copy can be led astray; what it signs is found out.
    let mut forked = Tree::new();
    forked.extend((0..299_u64).map(|index| Hash::leaf(&index.to_be_bytes())).chain([Hash::leaf(b"another end")]));
    let led_astray = Signer::open_or_create(at("restored"), "log.example/judged").unwrap();
    let from_nothing = Consistency { from: 0, hashes: vec![] };
    fs::write(at("forked"), led_astray.sign(forked.head(), &from_nothing).unwrap().note()).unwrap();
    assert!(refused("forked").starts_with("refused: "));
}
