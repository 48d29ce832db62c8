//! Where do 32 secret bytes live while they are in memory?

use std::fmt;

use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

/// 32 secret bytes, wiped when dropped and never shown.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Fresh bytes from the operating system.
    ///
    /// # Panics
    /// When the operating system has no random bytes: nothing may be sealed then.
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng.try_fill_bytes(bytes.as_mut()).expect("the operating system gives random bytes");
        Self(bytes)
    }

    /// Takes the bytes of an opened wrap, if they are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(bytes.first_chunk::<32>().filter(|_| bytes.len() == 32)?);
        Some(Self(secret))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A random UUID for a key: it tells nothing about when or for whom the key was made.
pub(crate) fn random_id() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}
