//! Keys and sealing: who may read what, decided by who holds which key.
//!
//! Every value about a person is sealed under that person's data key before it is stored anywhere, and bound to its
//! place, so that one moved elsewhere doesn't open. Data keys are stored wrapped by a key-encryption key that the
//! database never sees. Destroying a person's wraps erases the person from every copy there is.
//!
//! The bytes are written down in `docs/formats.md`. This crate must never know what it seals: no domain, no HTTP.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod batch;
mod bytes;
mod cache;
mod compression;
mod context;
mod digest;
mod digits;
mod error;
mod index;
mod key;
mod keyring;
mod new_key;
mod opened;
mod padding;
mod provider;
mod seal;
mod sealed;
mod secret;
mod store;
mod suite;
mod vault;

pub use context::{CacheContext, ChunkContext, ColumnContext, Context, EventContext, SnapshotContext};
pub use digest::row_digest;
pub use digits::{bytea, from_hex};
pub use error::VaultError;
pub use index::{Blinding, IndexKeys};
pub use key::{DataKey, KeyName, KeyOwner, Purpose};
pub use keyring::{Keyring, KeyringError};
pub use new_key::NewKey;
pub use opened::Opened;
pub use provider::{KeyProvider, ProviderError, Wrap};
pub use seal::{MAX_BODY_BYTES, OpenError};
pub use sealed::{NotSealed, Sealed};
pub use secret::Secret;
pub use suite::Suite;
pub use vault::{KeyFilter, KeyListing, KeyState, OpenKeys, Vault, VaultSettings};
