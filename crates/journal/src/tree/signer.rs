//! Who signs the log's heads, and what does it refuse to sign?
//!
//! The signer's file lies outside the database and holds its key and the last head it signed. A new head is signed
//! only if it is proved to contain that one, so a database that was rolled back or rewritten gets no signature. The
//! head is on disk before its signature leaves: whatever crashes, no two roots are ever signed for one size.
//!
//! All methods touch the disk and may wait for another signer of the same file: call them where blocking is allowed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rand::TryRngCore as _;
use zeroize::Zeroizing;

use super::note::{SigningKey, statement_text};
use super::proof::verify_consistency;
use super::{Consistency, Head, NoteError, SignedCheckpoint, Unproven, VerifyingKey};

const FORMAT: &str = "anamnesis-signer/1\n";
const OWNER_ONLY: u32 = 0o600;
const MAX_FILE_BYTES: u64 = 128 * 1024;

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The log is smaller than what was signed: an older copy of the database was put back.
    #[error("the log has {offered} entries, but {remembered} were signed: the database was rolled back")]
    RolledBack {
        /// The size last signed.
        remembered: u64,
        /// The size that was to be signed.
        offered: u64,
    },
    /// What was signed isn't in the log as it is now: an entry was changed, or the proof is wrong.
    #[error("the log of {offered} entries does not contain the {remembered} that were signed: it was rewritten")]
    Rewritten {
        /// The size last signed.
        remembered: u64,
        /// The size that was to be signed.
        offered: u64,
    },
    /// The proof doesn't start at the head last signed. Nothing is wrong: make one from there.
    #[error("the consistency proof must start at size {remembered}")]
    ProofFromElsewhere {
        /// The size last signed.
        remembered: u64,
    },
    /// The file belongs to another log.
    #[error("the signer's file is of another log")]
    OtherOrigin,
    /// The file can be read or written by others than its owner.
    #[error("the signer's file must have mode 0600")]
    Permissions,
    /// The file isn't a signer's, or what it holds doesn't fit together. It is never replaced by a new one.
    #[error("the signer's file is damaged: {0}")]
    Damaged(#[source] NoteError),
    /// The origin can't be a key's name.
    #[error("the log's origin can't be a key's name")]
    Origin(#[source] NoteError),
    /// The file can't be read or written.
    #[error("the signer's file can't be read or written")]
    Io(#[from] io::Error),
}

/// Signs the heads of one log. Any number may be open on a file, also in several processes: they take turns.
#[derive(Debug)]
pub struct Signer {
    path: PathBuf,
    key: SigningKey,
}

impl Signer {
    /// Opens the signer's file, or makes it with a new key and the empty tree's head if there is none. The origin
    /// becomes the key's name: no spaces, no plus signs.
    pub fn open_or_create(path: impl Into<PathBuf>, origin: &str) -> Result<Self, SignerError> {
        let path = path.into();
        let _turn = take_turn(&path)?;
        let key = match read(&path) {
            Ok((key, _)) => key,
            Err(SignerError::Io(error)) if error.kind() == io::ErrorKind::NotFound => create(&path, origin)?,
            Err(error) => return Err(error),
        };
        if key.public().name() != origin {
            return Err(SignerError::OtherOrigin);
        }
        Ok(Self { path, key })
    }

    /// The key that checks this signer's signatures; its text form is for publication.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.key.public()
    }

    /// The head last signed, with its signature: the next consistency proof starts here.
    pub fn last(&self) -> Result<SignedCheckpoint, SignerError> {
        let (key, last) = read(&self.path)?;
        let same = key.public() == self.key.public();
        same.then_some(last).ok_or(SignerError::Damaged(NoteError::Unsigned))
    }

    /// Signs a head that `proof` shows to contain the head last signed, and remembers it.
    pub fn sign(&self, head: Head, proof: &Consistency) -> Result<SignedCheckpoint, SignerError> {
        let _turn = take_turn(&self.path)?;
        let last = self.last()?;
        permit(last.head(), head, proof)?;
        if head == last.head() {
            return Ok(last);
        }
        let signed = SignedCheckpoint::sign(head, &self.key);
        remember(&self.path, &self.key, &signed)?;
        Ok(signed)
    }

    /// Signs what was found out about this log, as a note that can't be taken for a head.
    pub fn attest(&self, statement: &str) -> String {
        self.key.sign(&statement_text(self.key.public().name(), statement))
    }
}

fn permit(last: Head, head: Head, proof: &Consistency) -> Result<(), SignerError> {
    let (remembered, offered) = (last.size, head.size);
    if offered < remembered {
        return Err(SignerError::RolledBack { remembered, offered });
    }
    if offered > remembered && proof.from != remembered {
        return Err(SignerError::ProofFromElsewhere { remembered });
    }
    let proof = if offered == remembered { &Consistency { from: offered, hashes: vec![] } } else { proof };
    verify_consistency(last, head, proof).map_err(|Unproven| SignerError::Rewritten { remembered, offered })
}

fn create(path: &Path, origin: &str) -> Result<SigningKey, SignerError> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::rngs::OsRng.try_fill_bytes(&mut *seed).map_err(io::Error::other)?;
    let key = SigningKey::from_seed(origin, &seed).map_err(SignerError::Origin)?;
    remember(path, &key, &SignedCheckpoint::sign(Head::EMPTY, &key))?;
    Ok(key)
}

/// The file: a line with the format, a line with the key, an empty line, the last signed checkpoint.
fn read(path: &Path) -> Result<(SigningKey, SignedCheckpoint), SignerError> {
    let text = read_private(path)?;
    let parts = text.strip_prefix(FORMAT).and_then(|rest| rest.split_once("\n\n"));
    let (key, note) = parts.ok_or(SignerError::Damaged(NoteError::Note))?;
    let key = SigningKey::from_text(key).map_err(SignerError::Damaged)?;
    let last = SignedCheckpoint::open(note, key.public()).map_err(SignerError::Damaged)?;
    Ok((key, last))
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(SignerError::Permissions);
    }
    // Room for all of it at once, so that no copy of the key stays behind where a buffer grew.
    let room = usize::try_from(metadata.len().min(MAX_FILE_BYTES)).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(room + 1));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Replaces the file as a whole: after a crash it is the old one or the new one.
fn remember(path: &Path, key: &SigningKey, signed: &SignedCheckpoint) -> Result<(), SignerError> {
    let new = write_new(path, key, signed)?;
    fs::rename(&new, path)?;
    sync_directory(path)?;
    Ok(())
}

fn write_new(path: &Path, key: &SigningKey, signed: &SignedCheckpoint) -> io::Result<PathBuf> {
    let new = beside(path, ".new");
    // One may have been left by a crash; whoever has the turn may remove it.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&new)?;
    let key = key.to_text();
    for part in [FORMAT, key.as_str(), "\n\n", signed.note()] {
        file.write_all(part.as_bytes())?;
    }
    file.sync_all()?;
    Ok(new)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Waits until no other signer is at work on the file. The lock ends with the returned file, or with the process.
fn take_turn(path: &Path) -> io::Result<File> {
    let lock = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(lock)?;
    file.lock()?;
    Ok(file)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
