//! Which opened keys are in memory, how many, and for how long?

use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use lru::LruCache;
use uuid::Uuid;

use crate::key::{DataKey, KeyOwner};
use crate::vault::VaultSettings;

/// Opened keys by id, and which of them is each owner's current one. Both bounded in number and time: those go first
/// that weren't used for longest.
pub(crate) struct KeyCache {
    by_id: Bounded<Uuid, DataKey>,
    current: Bounded<KeyOwner, Uuid>,
}

impl KeyCache {
    pub(crate) fn new(settings: &VaultSettings) -> Self {
        Self { by_id: Bounded::new(settings), current: Bounded::new(settings) }
    }

    pub(crate) fn current(&self, owner: &KeyOwner) -> Option<DataKey> {
        self.by_id.get(&self.current.get(owner)?)
    }

    pub(crate) fn get(&self, key_id: Uuid) -> Option<DataKey> {
        self.by_id.get(&key_id)
    }

    pub(crate) fn put(&self, key: &DataKey) {
        self.by_id.put(key.id(), key.clone());
    }

    pub(crate) fn put_current(&self, key: &DataKey) {
        self.put(key);
        self.current.put(key.owner(), key.id());
    }

    /// Drops the key's bytes. An owner's entry that still names it leads nowhere, so the owner is looked up anew.
    pub(crate) fn forget(&self, key_id: Uuid) {
        self.by_id.remove(&key_id);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

/// More parts than cores that look at the same time.
const PARTS: usize = 32;
/// Small ones aren't divided: the entries of one part would push each other out.
const SMALLEST_PART: usize = 256;
/// The part of the room, at least, that is there for what comes for the first time: one in so many.
const SHARE_OF_ONCE: usize = 5;

/// A map in parts with a lock each. Every command looks up five keys, so a look must cost next to nothing.
struct Bounded<K, V> {
    parts: Box<[Mutex<Part<K, V>>]>,
    /// Tells the part. Quick for a few dozen bytes and seeded anew in each process, as the parts' own.
    hasher: RandomState,
    most_in_part: usize,
    kept_for: Duration,
}

/// What was put and what was asked for again, apart, each by last use: many that come once (the patients of an import) push out none
/// that come back.
struct Part<K, V> {
    once: Entries<K, V>,
    again: Entries<K, V>,
    next_sweep: Instant,
}

type Entries<K, V> = LruCache<K, Entry<V>, RandomState>;

struct Entry<V> {
    value: V,
    until: Instant,
}

impl<K: Hash + Eq, V: Clone> Bounded<K, V> {
    fn new(settings: &VaultSettings) -> Self {
        let most = usize::try_from(settings.cached_keys).unwrap_or(usize::MAX).max(1);
        let parts = (most / SMALLEST_PART).clamp(1, PARTS);
        let next_sweep = Instant::now() + settings.cached_for;
        let part = || Mutex::new(Part { once: none(), again: none(), next_sweep });
        Self {
            parts: std::iter::repeat_with(part).take(parts).collect(),
            hasher: RandomState::default(),
            most_in_part: most / parts,
            kept_for: settings.cached_for,
        }
    }

    fn get(&self, key: &K) -> Option<V> {
        let mut part = self.part(key);
        let part = &mut *part;
        if let Some(entry) = part.again.get(key) {
            if Instant::now() < entry.until {
                return Some(entry.value.clone());
            }
            part.again.pop(key);
            return None;
        }
        let (key, entry) = part.once.pop_entry(key)?;
        if Instant::now() >= entry.until {
            return None;
        }
        let value = entry.value.clone();
        part.again.put(key, entry);
        Some(value)
    }

    fn put(&self, key: K, value: V) {
        let now = Instant::now();
        let mut part = self.part(&key);
        let entry = Entry { value, until: now + self.kept_for };
        match part.again.get_mut(&key) {
            Some(kept) => *kept = entry,
            None => drop(part.once.put(key, entry)),
        }
        part.shrink(self.most_in_part);
        if now >= part.next_sweep {
            part.next_sweep = now + self.kept_for;
            part.sweep(now);
        }
    }

    fn remove(&self, key: &K) {
        let mut part = self.part(key);
        part.once.pop(key);
        part.again.pop(key);
    }

    /// Of those that may still be used.
    fn len(&self) -> usize {
        let now = Instant::now();
        let usable = |entries: &Entries<K, V>| entries.iter().filter(|(_, entry)| now < entry.until).count();
        self.parts.iter().map(|part| locked(part)).map(|part| usable(&part.once) + usable(&part.again)).sum()
    }

    fn part(&self, key: &K) -> MutexGuard<'_, Part<K, V>> {
        let n = self.hasher.hash_one(key) % self.parts.len() as u64;
        locked(&self.parts[usize::try_from(n).expect("a remainder of a length is one")])
    }
}

impl<K: Hash + Eq, V> Part<K, V> {
    /// Those that came once go first, unless they are so few that those which came back had everything.
    fn shrink(&mut self, most: usize) {
        let for_once = (most / SHARE_OF_ONCE).max(1);
        while self.once.len() + self.again.len() > most {
            let full = if self.again.len() > most - for_once { &mut self.again } else { &mut self.once };
            full.pop_lru();
        }
    }

    /// Nobody asks for a key of somebody who doesn't come any more, so its bytes wouldn't be wiped otherwise.
    fn sweep(&mut self, now: Instant) {
        for entries in [&mut self.once, &mut self.again] {
            let mut kept = none();
            while let Some((key, entry)) = entries.pop_lru() {
                if now < entry.until {
                    kept.put(key, entry);
                }
            }
            *entries = kept;
        }
    }
}

fn none<K: Hash + Eq, V>() -> Entries<K, V> {
    LruCache::unbounded_with_hasher(RandomState::default())
}

/// A panic in between leaves a map that may lack an entry, which is no harm.
fn locked<K, V>(part: &Mutex<Part<K, V>>) -> MutexGuard<'_, Part<K, V>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
