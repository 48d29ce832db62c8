//! Which cipher does a sealed value use?

use aes_gcm::Aes256Gcm;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};

/// Bytes of an authentication tag, the same in both suites.
pub(crate) const TAG: usize = 16;

/// The authenticated cipher of a sealed value, named by its second byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 0x01, the default: fast without hardware help, and its nonce is long.
    #[default]
    XChaCha20Poly1305,
    /// 0x02, for those who must use a cipher approved by NIST.
    Aes256Gcm,
}

/// The tag didn't fit: another key, context, nonce or ciphertext.
#[derive(Debug)]
pub(crate) struct Mismatch;

impl Suite {
    /// The name under which a key's algorithm is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }

    /// The suite of that stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::XChaCha20Poly1305, Self::Aes256Gcm].into_iter().find(|suite| suite.as_str() == name)
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::XChaCha20Poly1305 => 0x01,
            Self::Aes256Gcm => 0x02,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::XChaCha20Poly1305),
            0x02 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }

    pub(crate) const fn nonce_len(self) -> usize {
        match self {
            Self::XChaCha20Poly1305 => 24,
            Self::Aes256Gcm => 12,
        }
    }

    pub(crate) fn encrypt(self, key: &[u8; 32], nonce: &[u8], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG] {
        match self {
            Self::XChaCha20Poly1305 => encrypt(&XChaCha20Poly1305::new(key.into()), nonce, aad, buffer),
            Self::Aes256Gcm => encrypt(&Aes256Gcm::new(key.into()), nonce, aad, buffer),
        }
    }

    pub(crate) fn decrypt(self, key: &[u8; 32], nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG]) -> Result<(), Mismatch> {
        match self {
            Self::XChaCha20Poly1305 => decrypt(&XChaCha20Poly1305::new(key.into()), nonce, aad, buffer, tag),
            Self::Aes256Gcm => decrypt(&Aes256Gcm::new(key.into()), nonce, aad, buffer, tag),
        }
    }
}

fn encrypt<C: AeadInOut>(cipher: &C, nonce: &[u8], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG] {
    let nonce = Nonce::<C>::try_from(nonce).expect("the suite gives its nonce's length");
    let tag = cipher.encrypt_inout_detached(&nonce, aad, buffer.into()).expect("a body is far shorter than either cipher's limit of 64 GiB");
    tag.as_slice().try_into().expect("both suites have tags of 16 bytes")
}

fn decrypt<C: AeadInOut>(cipher: &C, nonce: &[u8], aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG]) -> Result<(), Mismatch> {
    let nonce = Nonce::<C>::try_from(nonce).map_err(|_| Mismatch)?;
    let tag = Tag::<C>::try_from(tag.as_slice()).map_err(|_| Mismatch)?;
    cipher.decrypt_inout_detached(&nonce, aad, buffer.into(), &tag).map_err(|_| Mismatch)
}
