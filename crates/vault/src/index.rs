//! How is a value found, or known to be taken, without being readable? (docs/formats.md, "Index keys")

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bytes::lp;
use crate::key::DataKey;

const LABEL: &[u8] = b"anamnesis/index/1";

/// An organization's keys for unique claims, blind indexes and imported command ids. Cheap to clone.
#[derive(Clone)]
pub struct IndexKeys {
    current: DataKey,
    first: DataKey,
}

impl IndexKeys {
    /// Keys derived from the current index key, and from the first one for what must be the same for ever.
    pub fn new(current: DataKey, first: DataKey) -> Self {
        Self { current, first }
    }

    /// The version to store beside a claim or a blind index.
    pub fn version(&self) -> u32 {
        self.current.version()
    }

    /// The value of a unique claim: `kind` says what must be unique, `patient-number`.
    pub fn claim(&self, kind: &str, normalised: impl AsRef<[u8]>) -> [u8; 32] {
        hmac(&derive(&self.current, "claim", kind), normalised.as_ref())
    }

    /// What stands beside a sealed column that must be found: `column` is `table.column`.
    pub fn blind(&self, column: &str, normalised: impl AsRef<[u8]>) -> [u8; 16] {
        self.blinding(column).of(normalised)
    }

    /// As [`IndexKeys::blind`], for many values of a column: its key is derived once.
    pub fn blinding(&self, column: &str) -> Blinding {
        Blinding(keyed(&derive(&self.current, "blind", column)))
    }

    /// What a receipt keeps of a request, to know it again: under the first key, because receipts are kept for ever.
    pub fn receipt(&self, request: impl AsRef<[u8]>) -> [u8; 32] {
        hmac(&derive(&self.first, "receipt", ""), request.as_ref())
    }

    /// The secret of the pseudonyms under which one reader is told ids, the same for ever: who goes on where they stopped
    /// finds the same names.
    pub fn pseudonyms(&self, reader: Uuid) -> [u8; 32] {
        hmac(&derive(&self.first, "pseudonyms", ""), reader.as_bytes())
    }

    /// The command id of an imported resource, the same in every import: a second one adds nothing.
    pub fn command_id(&self, source: &str, resource_type: &str, id: &str) -> Uuid {
        let mut resource = Vec::with_capacity(12 + source.len() + resource_type.len() + id.len());
        lp(&mut resource, source.as_bytes());
        lp(&mut resource, resource_type.as_bytes());
        lp(&mut resource, id.as_bytes());
        Uuid::new_v8(half(&hmac(&derive(&self.first, "command-id", ""), &resource)))
    }
}

/// The key of a column's blind index, ready to hash.
pub struct Blinding(Hmac<Sha256>);

impl Blinding {
    /// What stands beside that value.
    pub fn of(&self, normalised: impl AsRef<[u8]>) -> [u8; 16] {
        half(&self.0.clone().chain_update(normalised).finalize().into_bytes().into())
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blinding(..)")
    }
}

impl fmt::Debug for IndexKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexKeys({:?}, ..)", self.current)
    }
}

fn derive(key: &DataKey, usage: &str, name: &str) -> Zeroizing<[u8; 32]> {
    let mut info = Vec::with_capacity(LABEL.len() + 32 + usage.len() + name.len());
    info.extend_from_slice(LABEL);
    info.extend_from_slice(key.owner().organization.as_bytes());
    lp(&mut info, usage.as_bytes());
    lp(&mut info, name.as_bytes());
    info.extend_from_slice(&key.version().to_be_bytes());
    expand(key, &info)
}

/// A key for something else than sealing, derived from a data key.
pub(crate) fn expand(key: &DataKey, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key.secret().expose()).expand(info, derived.as_mut()).expect("HKDF-SHA256 expands to 8,160 bytes");
    derived
}

pub(crate) fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(message).finalize().into_bytes().into()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn half(whole: &[u8; 32]) -> [u8; 16] {
    *whole.first_chunk().expect("16 of 32 bytes")
}
