//! What does the log promise to the world? (C2SP tlog-checkpoint)

use std::fmt;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::note::SigningKey;
use super::{Hash, Head, NoteError, VerifyingKey};

/// A log's name and head. Its text form is the body of a C2SP checkpoint: origin, size and root, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log, the same in all its checkpoints.
    pub origin: String,
    /// Its size and root.
    pub head: Head,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head { size, root } = self.head;
        write!(f, "{}\n{size}\n{}\n", self.origin, BASE64.encode(root.as_bytes()))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Reads the body of a checkpoint. Extension lines are passed over, as C2SP asks.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Checkpoint)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Checkpoint);
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NoteError::Checkpoint);
        }
        Ok(Self { origin: origin.to_owned(), head: Head { size: parse_size(size)?, root: parse_root(root)? } })
    }
}

/// Canonical decimal only: a second spelling of a size would be a second checkpoint.
fn parse_size(text: &str) -> Result<u64, NoteError> {
    let size = text.parse::<u64>().ok().filter(|size| size.to_string() == text);
    size.ok_or(NoteError::Checkpoint)
}

fn parse_root(text: &str) -> Result<Hash, NoteError> {
    let bytes = BASE64.decode(text).map_err(|_| NoteError::Checkpoint)?;
    Hash::try_from(bytes.as_slice()).map_err(|_| NoteError::Checkpoint)
}

/// A checkpoint and the note that carries it. There is none whose signature hasn't been checked or made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

impl SignedCheckpoint {
    /// Reads a note and checks that the log's key signed it. Signatures by other keys (witnesses) are passed over.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, NoteError> {
        let checkpoint: Checkpoint = key.open(note)?.parse()?;
        if checkpoint.origin != key.name() {
            return Err(NoteError::Origin);
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    pub(super) fn sign(head: Head, key: &SigningKey) -> Self {
        let checkpoint = Checkpoint { origin: key.public().name().to_owned(), head };
        let note = key.sign(&checkpoint.to_string());
        Self { checkpoint, note }
    }

    /// What is promised.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The promised size and root.
    pub fn head(&self) -> Head {
        self.checkpoint.head
    }

    /// The signed note, as it is stored and served.
    pub fn note(&self) -> &str {
        &self.note
    }
}
