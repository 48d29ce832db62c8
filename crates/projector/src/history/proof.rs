//! How does somebody who trusts nobody check that an event is in the log, as it was?

use anamnesis_journal::follower::StoredTree;
use anamnesis_journal::log::SealedEntry;
use anamnesis_journal::tree::{Hash, SignedCheckpoint};
use serde::{Serialize, Serializer};

use super::HistoryError;

/// Events with the way from each to a signed tree head (RFC 6962; the bytes: `docs/formats.md`).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LogProof {
    /// The signed head, as the log serves it (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// Entries in the tree of that head.
    pub size: u64,
    /// Its root.
    #[serde(serialize_with = "hex")]
    pub root: Hash,
    /// The events.
    pub entries: Vec<EntryProof>,
}

/// One event's way to the root. SHA-256 of the row is in the entry; of 0 and the entry, the leaf.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct EntryProof {
    /// Its place in the log, from 1. It is leaf `position - 1`.
    pub position: u64,
    /// The event's stored row in its canonical form, its contents as hashes of what is sealed; in hex.
    #[serde(serialize_with = "hex")]
    pub row: Vec<u8>,
    /// What the log says of it, in hex.
    #[serde(serialize_with = "hex")]
    pub entry: Vec<u8>,
    /// The leaf.
    #[serde(serialize_with = "hex")]
    pub leaf: Hash,
    /// The hashes beside the way from the leaf to the root, from the leaf up.
    #[serde(serialize_with = "hexes")]
    pub hashes: Vec<Hash>,
}

/// Proves that the entries are in the tree of a signed head.
pub async fn prove(tree: &StoredTree, head: &SignedCheckpoint, entries: &[SealedEntry]) -> Result<LogProof, HistoryError> {
    let positions: Vec<_> = entries.iter().map(|entry| entry.position).collect();
    let proofs = tree.inclusions(&positions, head.head().size).await?;
    let entries = entries.iter().zip(proofs).map(|(entry, hashes)| EntryProof {
        position: entry.position,
        row: entry.row().to_bytes(),
        entry: entry.entry().to_bytes(),
        leaf: entry.leaf(),
        hashes,
    });
    Ok(LogProof { checkpoint: head.note().to_owned(), size: head.head().size, root: head.head().root, entries: entries.collect() })
}

impl std::fmt::Debug for LogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogProof({} entries in a tree of {})", self.entries.len(), self.size)
    }
}

impl std::fmt::Debug for EntryProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EntryProof({})", self.position)
    }
}

trait Bytes {
    fn hex(&self) -> String;
}

impl Bytes for Hash {
    fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }
}

impl Bytes for Vec<u8> {
    fn hex(&self) -> String {
        hex::encode(self)
    }
}

fn hex<S: Serializer>(bytes: &impl Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&bytes.hex())
}

fn hexes<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(hashes.iter().map(Bytes::hex))
}
