//! Which opened keys are in memory, how many, and for how long?

use std::hash::Hash;

use foldhash::fast::RandomState;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use uuid::Uuid;

use crate::key::{DataKey, KeyOwner};
use crate::vault::VaultSettings;

/// Opened keys by id, and which of them is each owner's current one. Both bounded in number and time.
pub(crate) struct KeyCache {
    by_id: Cache<Uuid, DataKey, RandomState>,
    current: Cache<KeyOwner, Uuid, RandomState>,
}

impl KeyCache {
    /// Keeps the keys that are used most.
    pub(crate) fn new(settings: &VaultSettings) -> Self {
        Self::with(settings, &EvictionPolicy::tiny_lfu())
    }

    /// Keeps the keys that came last: where every key comes once, those of the beginning would keep the others out.
    pub(crate) fn of_the_last(settings: &VaultSettings) -> Self {
        Self::with(settings, &EvictionPolicy::lru())
    }

    fn with(settings: &VaultSettings, policy: &EvictionPolicy) -> Self {
        Self { by_id: bounded(settings, policy), current: bounded(settings, policy) }
    }

    pub(crate) fn current(&self, owner: &KeyOwner) -> Option<DataKey> {
        self.by_id.get(&self.current.get(owner)?)
    }

    pub(crate) fn get(&self, key_id: Uuid) -> Option<DataKey> {
        self.by_id.get(&key_id)
    }

    pub(crate) fn put(&self, key: &DataKey) {
        self.by_id.insert(key.id(), key.clone());
    }

    pub(crate) fn put_current(&self, key: &DataKey) {
        self.put(key);
        self.current.insert(key.owner(), key.id());
    }

    /// Drops the key's bytes. An owner's entry that still names it leads nowhere, so the owner is looked up anew.
    pub(crate) fn forget(&self, key_id: Uuid) {
        self.by_id.invalidate(&key_id);
    }

    pub(crate) fn len(&self) -> u64 {
        self.by_id.run_pending_tasks();
        self.by_id.entry_count()
    }
}

/// With a hash that is quick for a few dozen bytes and seeded anew in each process: every command looks up five keys.
fn bounded<K, V>(settings: &VaultSettings, policy: &EvictionPolicy) -> Cache<K, V, RandomState>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(settings.cached_keys)
        .time_to_live(settings.cached_for)
        .eviction_policy(policy.clone())
        .build_with_hasher(RandomState::default())
}
