//! Do the bytes still agree with `docs/formats`?
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use anamnesis_journal::row::{Entry, Row, RowHash};
use anamnesis_journal::tree::{
    Checkpoint, Consistency, Hash, Head, SignedCheckpoint, TileId, TileMap, TileReader as _, Tree, VerifyingKey, proof, tile_bytes,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
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
