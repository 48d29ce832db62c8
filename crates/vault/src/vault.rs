//! Where does a command or a reader get its keys?

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_loops::Loops;
use sqlx::PgPool;
use sqlx::types::chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::batch::Batcher;
use crate::cache::KeyCache;
use crate::context::Context;
use crate::error::VaultError;
use crate::index::IndexKeys;
use crate::key::{DataKey, KeyOwner, Purpose};
use crate::new_key::NewKey;
use crate::opened::Opened;
use crate::provider::{KeyProvider, ProviderError};
use crate::seal::OpenError;
use crate::sealed::Sealed;
use crate::store::{Fate, Store};
use crate::suite::Suite;

/// So many keys at most are looked up together with those of others.
const MOST_SHARED: usize = 16;

/// How the vault behaves; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct VaultSettings {
    /// The cipher of new keys. Old ones keep theirs.
    pub suite: Suite,
    /// Opened keys kept in memory at most (about 300 bytes each).
    pub cached_keys: u64,
    /// How long an opened key is kept: so long, at most, can another process still read after an erasure.
    pub cached_for: Duration,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { suite: Suite::default(), cached_keys: 100_000, cached_for: Duration::from_mins(5) }
    }
}

/// The keys of everyone. Cheap to clone; all clones share cache and queue.
#[derive(Clone)]
pub struct Vault {
    store: Arc<Store>,
    batcher: Batcher,
    loops: Loops,
}

impl Vault {
    /// Opens the vault over `journal.keys`. Must be called inside a tokio runtime.
    ///
    /// Fails when the provider can't open a wrap that is there: a lost keyring must be noticed at once, not after
    /// new keys were wrapped with another one.
    pub async fn open(pool: PgPool, provider: Arc<dyn KeyProvider>, settings: VaultSettings) -> Result<Self, VaultError> {
        Self::open_watched(pool, provider, settings, Loops::default()).await
    }

    /// As [`Vault::open`]; the task that looks keys up is one of these loops.
    pub async fn open_watched(pool: PgPool, provider: Arc<dyn KeyProvider>, settings: VaultSettings, loops: Loops) -> Result<Self, VaultError> {
        let store = Arc::new(Store { pool, provider, cache: KeyCache::new(&settings), settings });
        if let Some(key_id) = store.any_wrapped().await? {
            store.by_id(&[key_id]).await?.remove(&key_id).ok_or(ProviderError::WrapRefused(key_id))?;
        }
        let batcher = Batcher::start(&store, &loops);
        Ok(Self { store, batcher, loops })
    }

    /// The same keys, with so many of them in a memory of its own: for whoever passes over everything once. That pushes
    /// out no key that others use, and needs no more memory the more there is to pass over.
    #[must_use]
    pub fn apart(&self, cached_keys: u64) -> Self {
        let Store { pool, provider, settings, .. } = &*self.store;
        let settings = VaultSettings { cached_keys, ..*settings };
        let store = Arc::new(Store { pool: pool.clone(), provider: Arc::clone(provider), cache: KeyCache::new(&settings), settings });
        Self { batcher: Batcher::start(&store, &self.loops), store, loops: self.loops.clone() }
    }

    /// The owner's current key; made if the owner has none.
    ///
    /// [`VaultError::Erased`] when it was fenced or destroyed: then none is made ever again.
    pub async fn key(&self, owner: KeyOwner) -> Result<DataKey, VaultError> {
        if let Some(key) = self.store.cache.current(&owner) {
            return Ok(key);
        }
        let mut keys = self.batcher.keys(vec![owner]).await?;
        keys.pop().ok_or(VaultError::Closed)
    }

    /// The owners' current keys, in their order; one statement for all that aren't in memory.
    pub async fn keys(&self, owners: &[KeyOwner]) -> Result<Vec<DataKey>, VaultError> {
        let cached: Option<Vec<_>> = owners.iter().map(|owner| self.store.cache.current(owner)).collect();
        match cached {
            Some(keys) => Ok(keys),
            None => self.batcher.keys(owners.to_vec()).await,
        }
    }

    /// As [`Vault::keys`], for the first that is ever stored of `newcomer`: unless a key of theirs is in memory, one is
    /// made up that exists once it is stored with what is sealed under it; then [`Vault::stored`] keeps it in memory.
    pub async fn keys_of_newcomer(&self, newcomer: KeyOwner, owners: &[KeyOwner]) -> Result<(Vec<DataKey>, Option<NewKey>), VaultError> {
        if !owners.contains(&newcomer) || self.store.cache.current(&newcomer).is_some() {
            return Ok((self.keys(owners).await?, None));
        }
        let others: Vec<_> = owners.iter().copied().filter(|owner| *owner != newcomer).collect();
        let (new, mut others) = (self.store.make_up(newcomer).await?, self.keys(&others).await?.into_iter());
        let key_of = |owner: &KeyOwner| if *owner == newcomer { Some(new.key.clone()) } else { others.next() };
        let keys = owners.iter().map(key_of).collect::<Option<_>>().ok_or(VaultError::Closed)?;
        Ok((keys, Some(new)))
    }

    /// Keeps a new key in memory, now that it is stored.
    pub fn stored(&self, new: &NewKey) {
        self.store.cache.put_current(&new.key);
    }

    /// The keys that a reader needs, by the ids its sealed values carry; one statement for all that aren't in memory.
    pub async fn open_keys(&self, key_ids: &[Uuid]) -> Result<OpenKeys, VaultError> {
        let (mut usable, mut missing) = (HashMap::with_capacity(key_ids.len()), HashSet::new());
        for key_id in key_ids {
            match self.store.cache.get(*key_id) {
                Some(key) => drop(usable.insert(*key_id, key)),
                None => drop(missing.insert(*key_id)),
            }
        }
        let mut erased = HashSet::new();
        if !missing.is_empty() {
            for (key_id, fate) in self.fates(Vec::from_iter(missing)).await? {
                match fate {
                    Fate::Usable(key) => drop(usable.insert(key_id, key)),
                    Fate::Erased => drop(erased.insert(key_id)),
                }
            }
        }
        Ok(OpenKeys { usable, erased })
    }

    /// Few are looked up together with what others ask for; who asks for many gains nothing by it and would hold the others up.
    async fn fates(&self, key_ids: Vec<Uuid>) -> Result<HashMap<Uuid, Fate>, VaultError> {
        if key_ids.len() > MOST_SHARED { self.store.by_id(&key_ids).await } else { self.batcher.fates(key_ids).await }
    }

    /// The organization's keys for claims, blind indexes and imported command ids.
    pub async fn index(&self, organization: Uuid) -> Result<IndexKeys, VaultError> {
        let owner = KeyOwner::organization(organization, Purpose::Index);
        let current = self.key(owner).await?;
        let first = if current.version() == 1 { current.clone() } else { self.first(owner).await? };
        Ok(IndexKeys::new(current, first))
    }

    /// Drops a key from memory: the append found that it isn't active in the key store (any more).
    pub fn forget(&self, key_id: Uuid) {
        self.store.cache.forget(key_id);
    }

    /// One page of the keys that exist, by id; never a key's bytes.
    pub async fn list(&self, filter: &KeyFilter) -> Result<Vec<KeyListing>, VaultError> {
        self.store.list(filter).await
    }

    /// How many opened keys are in memory.
    pub fn cached_keys(&self) -> usize {
        self.store.cache.len()
    }

    async fn first(&self, owner: KeyOwner) -> Result<DataKey, VaultError> {
        let gone = VaultError::Inconsistent("the first index key is gone");
        let key_id = self.store.first_version(owner).await?.ok_or(gone.clone())?;
        self.open_keys(&[key_id]).await?.get(key_id).cloned().ok_or(gone)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// The keys of a batch of values.
pub struct OpenKeys {
    usable: HashMap<Uuid, DataKey>,
    erased: HashSet<Uuid>,
}

impl OpenKeys {
    /// The key, or `None` when it was destroyed (or isn't there: [`OpenKeys::open`] tells the two apart).
    pub fn get(&self, key_id: Uuid) -> Option<&DataKey> {
        self.usable.get(&key_id)
    }

    /// Opens a value that stands where `context` says, or tells that its subject was erased.
    pub fn open(&self, context: &Context, sealed: &Sealed) -> Result<Opened<Zeroizing<Vec<u8>>>, OpenError> {
        let key_id = sealed.key_id();
        match self.get(key_id) {
            Some(key) => Ok(Opened::Value(key.open(context, sealed)?)),
            None if self.erased.contains(&key_id) => Ok(Opened::Erased),
            None => Err(OpenError::NoKey(key_id)),
        }
    }
}

impl fmt::Debug for OpenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenKeys({} usable, {} erased)", self.usable.len(), self.erased.len())
    }
}

/// What may be done with a key: active → retired → fenced → destroyed, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Seals and opens.
    Active,
    /// Opens what was sealed under it; a newer version seals.
    Retired,
    /// Neither: its subject is being erased.
    Fenced,
    /// Its wraps are gone, so nothing sealed under it can ever be read.
    Destroyed,
}

impl KeyState {
    /// The text under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Fenced => "fenced",
            Self::Destroyed => "destroyed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Retired, Self::Fenced, Self::Destroyed].into_iter().find(|state| state.as_str() == name)
    }
}

/// Which keys to list.
#[derive(Clone, Copy, Debug)]
pub struct KeyFilter {
    /// Only this tenant's.
    pub organization: Option<Uuid>,
    /// Only this subject's.
    pub subject: Option<Uuid>,
    /// Only those after this id: the last one of the page before.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: u32,
}

impl Default for KeyFilter {
    fn default() -> Self {
        Self { organization: None, subject: None, after: None, limit: 1_000 }
    }
}

/// What can be told of a key.
#[derive(Clone, Debug)]
pub struct KeyListing {
    /// The id that sealed values carry.
    pub key_id: Uuid,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Which of the owner's keys for that purpose, from 1.
    pub version: u32,
    /// The cipher it seals with.
    pub suite: Suite,
    /// What may be done with it.
    pub state: KeyState,
    /// When it was made.
    pub active_from: DateTime<Utc>,
    /// When it stopped sealing.
    pub active_to: Option<DateTime<Utc>>,
    /// When it was last wrapped anew.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Who made its wraps.
    pub providers: Vec<String>,
    /// Under which key-encryption keys it is wrapped, in the same order.
    pub wrapping_key_ids: Vec<Uuid>,
    /// Their epochs, in the same order.
    pub epochs: Vec<u64>,
}
