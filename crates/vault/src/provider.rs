//! Who keeps the keys that wrap the data keys?

use async_trait::async_trait;
use uuid::Uuid;

use crate::bytes::lp;
use crate::key::KeyName;
use crate::sealed::Sealed;
use crate::secret::Secret;

/// A keeper of key-encryption keys: a file beside the program, or a service.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// Names the provider in every wrap it makes, `keyring:local`.
    fn uri(&self) -> &str;

    /// Seals a data key under the current key-encryption key.
    async fn wrap(&self, name: &KeyName, secret: &Secret) -> Result<Wrap, ProviderError>;

    /// Opens a wrap; the key-encryption key it needs is named by its header.
    async fn unwrap(&self, name: &KeyName, wrapped: &Sealed) -> Result<Secret, ProviderError>;
}

/// A data key sealed under a key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The key-encryption key.
    pub wrapping_key_id: Uuid,
    /// Its version, where the provider counts versions; 1 otherwise.
    pub wrapping_key_version: u32,
    /// Its epoch: an old epoch's keys are destroyed after the survivors were wrapped anew.
    pub epoch: u64,
    /// The sealed data key.
    pub wrapped: Sealed,
}

/// Why a provider didn't wrap or unwrap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The key-encryption key isn't this provider's: another keyring, or an epoch that was destroyed.
    #[error("the key provider has no key-encryption key {0}")]
    UnknownWrappingKey(Uuid),
    /// The wrap is damaged, or stands in another key's row.
    #[error("the wrap of key {0} doesn't open")]
    WrapRefused(Uuid),
    /// The provider can't be reached; the reason names no key.
    #[error("the key provider can't be reached: {0}")]
    Unreachable(String),
}

/// What a wrap is bound to. Unlike other contexts it doesn't end with the sealing key's id.
pub(crate) fn wrap_context(name: &KeyName) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(80);
    lp(&mut bytes, b"wrap");
    bytes.extend_from_slice(name.key_id.as_bytes());
    bytes.extend_from_slice(name.owner.organization.as_bytes());
    bytes.extend_from_slice(name.owner.subject.as_bytes());
    lp(&mut bytes, name.owner.purpose.as_str().as_bytes());
    bytes.extend_from_slice(&name.version.to_be_bytes());
    bytes
}
