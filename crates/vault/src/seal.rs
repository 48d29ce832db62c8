//! How is a value encrypted, and when does it open? (docs/formats.md, "Sealed value")

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::compression;
use crate::padding::bucket;
use crate::sealed::{HEADER, Sealed};
use crate::secret::Secret;
use crate::suite::Suite;

/// The longest body that is sealed as one value: 64 MiB. Longer things are sealed in chunks.
pub const MAX_BODY_BYTES: usize = 64 << 20;

const LABEL: &[u8] = b"anamnesis/seal/1";
const ZSTD: u8 = 0b1;
/// Flags and the body's length.
const PREFIX: usize = 1 + 4;
/// Bodies up to this length aren't worth compressing: the smallest bucket holds them anyway.
const NOT_COMPRESSED: usize = 256;

/// Why a sealed value didn't open. None of these says that its subject was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The value names another key than the one it was tried with.
    #[error("the value is sealed under key {0}, not under the one it was tried with")]
    AnotherKey(Uuid),
    /// The key store has no such key, not even a destroyed one, or its wrap is damaged.
    #[error("the key store can't give key {0}")]
    NoKey(Uuid),
    /// The key commitment differs: the value was moved, or its header or key is not what it was.
    #[error("the value doesn't belong here: its commitment differs")]
    Commitment,
    /// The ciphertext or its tag was changed.
    #[error("the value was changed after it was sealed")]
    Changed,
    /// It was sealed by someone who holds the key and doesn't keep to the format.
    #[error("the value's plaintext is malformed: {0}")]
    Malformed(&'static str),
}

pub(crate) fn seal(secret: &Secret, key_id: Uuid, suite: Suite, aad: &[u8], body: &[u8]) -> Sealed {
    assert!(body.len() <= MAX_BODY_BYTES, "a body of {} bytes must be sealed in chunks", body.len());
    let salt: [u8; 32] = rand::random();
    match smaller(body) {
        Some(compressed) => seal_with(secret, key_id, suite, aad, ZSTD, &compressed, &salt),
        None => seal_with(secret, key_id, suite, aad, 0, body, &salt),
    }
}

/// The deterministic part of sealing, which the test vectors pin.
pub(crate) fn seal_with(secret: &Secret, key_id: Uuid, suite: Suite, aad: &[u8], flags: u8, body: &[u8], salt: &[u8; 32]) -> Sealed {
    let keys = ValueKeys::derive(secret, suite, salt, aad);
    let plain_len = bucket(PREFIX + body.len());
    let mut bytes = Sealed::header(suite, key_id, salt, keys.commitment(), plain_len);
    bytes.push(flags);
    crate::bytes::lp(&mut bytes, body);
    bytes.resize(HEADER + plain_len, 0);
    let tag = suite.encrypt(keys.cipher_key(), keys.nonce(), aad, &mut bytes[HEADER..]);
    bytes.extend_from_slice(&tag);
    Sealed::made(suite, bytes)
}

pub(crate) fn open(secret: &Secret, aad: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let suite = sealed.suite();
    let keys = ValueKeys::derive(secret, suite, sealed.salt(), aad);
    if !bool::from(keys.commitment().ct_eq(sealed.commitment())) {
        return Err(OpenError::Commitment);
    }
    let mut plain = Zeroizing::new(sealed.ciphertext().to_vec());
    suite.decrypt(keys.cipher_key(), keys.nonce(), aad, &mut plain, &sealed.tag()).map_err(|_| OpenError::Changed)?;
    body_of(plain)
}

/// The compressed body, if that makes the sealed value smaller.
fn smaller(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if body.len() <= NOT_COMPRESSED {
        return None;
    }
    compression::compress(body).filter(|compressed| bucket(PREFIX + compressed.len()) < bucket(PREFIX + body.len()))
}

/// Strips flags, length and padding. There is one spelling of every plaintext; anything else is refused.
fn body_of(mut plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (flags, body_len) = match *plain.as_slice() {
        [flags, a, b, c, d, ..] => (flags, u32::from_be_bytes([a, b, c, d]) as usize),
        _ => return Err(OpenError::Malformed("shorter than its prefix")),
    };
    let end = PREFIX.saturating_add(body_len);
    if end > plain.len() || bucket(end) != plain.len() {
        return Err(OpenError::Malformed("the length isn't its bucket's"));
    }
    if plain[end..].iter().any(|byte| *byte != 0) {
        return Err(OpenError::Malformed("the padding isn't zero"));
    }
    match flags {
        0 => {
            plain.copy_within(PREFIX..end, 0);
            plain.truncate(body_len);
            Ok(plain)
        }
        ZSTD => compression::decompress(&plain[PREFIX..end], MAX_BODY_BYTES)
            .ok_or(OpenError::Malformed("the compressed body doesn't decompress within the limit")),
        _ => Err(OpenError::Malformed("an unknown flag")),
    }
}

/// Cipher key, nonce and commitment of one value.
struct ValueKeys {
    okm: Zeroizing<[u8; 32 + 24 + 32]>,
    nonce_len: usize,
}

impl ValueKeys {
    fn derive(secret: &Secret, suite: Suite, salt: &[u8; 32], aad: &[u8]) -> Self {
        let nonce_len = suite.nonce_len();
        let mut okm = Zeroizing::new([0; 88]);
        Hkdf::<Sha256>::new(Some(salt), secret.expose())
            .expand_multi_info(&[LABEL, &[suite.byte()], &Sha256::digest(aad)], &mut okm[..64 + nonce_len])
            .expect("HKDF-SHA256 expands to 8,160 bytes");
        Self { okm, nonce_len }
    }

    fn cipher_key(&self) -> &[u8; 32] {
        self.okm.first_chunk().expect("32 of 88 bytes")
    }

    fn nonce(&self) -> &[u8] {
        &self.okm[32..32 + self.nonce_len]
    }

    fn commitment(&self) -> &[u8; 32] {
        self.okm[32 + self.nonce_len..].first_chunk().expect("at least 32 bytes follow the nonce")
    }
}

#[cfg(test)]
mod tests;
