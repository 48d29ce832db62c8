//! Whose key is it, what is it for, and how is it used?

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::seal::{self, OpenError};
use crate::sealed::Sealed;
use crate::secret::Secret;
use crate::suite::Suite;

/// What a data key is for. Keys of different purposes are rotated and destroyed apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A subject's events, columns and snapshots.
    Data,
    /// An organization's unique claims, blind indexes and imported command ids.
    Index,
    /// An organization's access, security and system events and all metadata; no erasure touches it.
    Audit,
    /// An organization's AI models.
    Models,
    /// Comparing a subject's rows in a rebuild with the live ones; not rotated with the data key.
    Digest,
    /// An organization's cache entries as a whole; what each says of a person is sealed under that person's data key.
    Cache,
    /// A subject's stored files.
    Object,
    /// An organization's backups.
    Backup,
}

impl Purpose {
    const ALL: [Self; 8] = [Self::Data, Self::Index, Self::Audit, Self::Models, Self::Digest, Self::Cache, Self::Object, Self::Backup];

    /// The text under which it is stored and authenticated.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Index => "index",
            Self::Audit => "audit",
            Self::Models => "models",
            Self::Digest => "digest",
            Self::Cache => "cache",
            Self::Object => "object",
            Self::Backup => "backup",
        }
    }

    /// The purpose of that stored text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// Who a data key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyOwner {
    /// The tenant.
    pub organization: Uuid,
    /// The person; for an organization's own purposes (index, audit, models) the organization itself.
    pub subject: Uuid,
    /// What the key is for.
    pub purpose: Purpose,
}

impl KeyOwner {
    /// The owner of the key that seals a subject's events.
    pub const fn data(organization: Uuid, subject: Uuid) -> Self {
        Self { organization, subject, purpose: Purpose::Data }
    }

    /// The owner of a key of the organization itself.
    pub const fn organization(organization: Uuid, purpose: Purpose) -> Self {
        Self { organization, subject: organization, purpose }
    }
}

/// What a data key is called: everything about it but its bytes. Its wraps are bound to all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyName {
    /// The key; random, so that it tells nothing.
    pub key_id: Uuid,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Which of the owner's keys for that purpose, from 1.
    pub version: u32,
}

/// One version of one subject's data key, opened. Cheap to clone; the bytes are wiped with the last clone.
#[derive(Clone)]
pub struct DataKey(Arc<Inner>);

struct Inner {
    name: KeyName,
    suite: Suite,
    secret: Secret,
}

impl DataKey {
    /// Makes a usable key of an opened wrap. The [`crate::Vault`] does this; tests and tools may.
    pub fn new(name: KeyName, suite: Suite, secret: Secret) -> Self {
        Self(Arc::new(Inner { name, suite, secret }))
    }

    /// The id that sealed values carry.
    pub fn id(&self) -> Uuid {
        self.0.name.key_id
    }

    /// Whose key it is.
    pub fn owner(&self) -> KeyOwner {
        self.0.name.owner
    }

    /// Which of the owner's keys for that purpose, from 1.
    pub fn version(&self) -> u32 {
        self.0.name.version
    }

    /// The cipher that it seals with.
    pub fn suite(&self) -> Suite {
        self.0.suite
    }

    /// Encrypts `body` for the place that `context` names.
    ///
    /// # Panics
    /// When the body is longer than [`crate::MAX_BODY_BYTES`].
    pub fn seal(&self, context: &Context, body: &[u8]) -> Sealed {
        let aad = context.under(self.id());
        seal::seal(&self.0.secret, self.id(), self.0.suite, &aad, body)
    }

    /// Decrypts a value that stands where `context` says.
    pub fn open(&self, context: &Context, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if sealed.key_id() != self.id() {
            return Err(OpenError::AnotherKey(sealed.key_id()));
        }
        seal::open(&self.0.secret, &context.under(self.id()), sealed)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, ..)", self.id())
    }
}
