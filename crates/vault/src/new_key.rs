//! What if the key and the first value under it are stored in the same transaction?
//!
//! Then nobody waits for the key beforehand, and none is left behind for somebody who was refused.

use std::fmt;
use std::sync::Arc;

use crate::key::DataKey;
use crate::provider::Wrap;

/// An owner's first key, which exists from the moment that its row is stored.
///
/// Whoever stores it must refuse if the owner has any row in `journal.keys` already, a destroyed one above all.
#[derive(Clone)]
pub struct NewKey {
    pub(crate) key: DataKey,
    pub(crate) wrap: Arc<Wrap>,
    pub(crate) provider: Arc<str>,
}

impl NewKey {
    /// The key, to seal under.
    pub fn key(&self) -> &DataKey {
        &self.key
    }

    /// The key as it is stored.
    pub fn wrap(&self) -> &Wrap {
        &self.wrap
    }

    /// The URI of the provider that made the wrap.
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NewKey").field(&self.key.id()).finish()
    }
}
