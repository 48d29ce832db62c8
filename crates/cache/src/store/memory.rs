//! What does one process remember by itself?

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::{Counted, Fill, Found};
use crate::{Key, Lane};

/// Entries share so many generations: who shares one is refused a fill more often than necessary, and never less often.
const GENERATIONS: usize = 1 << 12;
/// Who counts as asking often, at most.
const MOST_COUNTED: u64 = 100_000;

/// Entries in memory, bounded; sealed as everywhere.
pub(crate) struct Memory {
    entries: Cache<String, Stored>,
    counters: Counters,
    /// Taken for every step, so that each is one.
    state: Mutex<State>,
}

struct State {
    lanes: HashMap<Lane, String>,
    generations: Vec<u64>,
}

#[derive(Clone)]
struct Stored {
    sealed: Arc<[u8]>,
    ttl: Duration,
}

/// An entry lives as long as its key says, from the moment it was put in.
struct FromItsKey;

impl Expiry<String, Stored> for FromItsKey {
    fn expire_after_create(&self, _key: &String, entry: &Stored, _created_at: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(&self, _key: &String, entry: &Stored, _updated_at: Instant, _left: Option<Duration>) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Memory {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let weight = |key: &String, entry: &Stored| u32::try_from(key.len() + entry.sealed.len()).unwrap_or(u32::MAX);
        Self {
            entries: Cache::builder().max_capacity(max_bytes).weigher(weight).expire_after(FromItsKey).build(),
            counters: Counters::new(),
            state: Mutex::new(State { lanes: HashMap::new(), generations: vec![0; GENERATIONS] }),
        }
    }

    pub(crate) fn look(&self, key: &Key, lanes: &[Lane]) -> Found {
        let (state, name) = (self.state(), key.to_string());
        Found {
            entry: self.entries.get(&name).map(|entry| entry.sealed.to_vec()),
            generation: Some(state.generation(&name).to_be_bytes().to_vec()),
            lanes: lanes.iter().map(|lane| state.lanes.get(lane).map(|text| text.clone().into_bytes())).collect(),
        }
    }

    pub(crate) fn fill(&self, fill: &Fill<'_>) -> bool {
        let (state, name) = (self.state(), fill.key.to_string());
        let is_of_epoch = |(lane, epoch): (&Lane, &String)| state.lanes.get(lane).is_some_and(|held| held.starts_with(epoch));
        let holds = fill.generation == Some(&state.generation(&name).to_be_bytes()) && fill.lanes.iter().zip(fill.epochs).all(is_of_epoch);
        if holds {
            self.entries.insert(name, Stored { sealed: fill.sealed.into(), ttl: fill.key.ttl() });
        }
        holds
    }

    pub(crate) fn advance(&self, lane: &Lane, from: &str, to: &str, outdated: &[Key]) -> bool {
        let mut state = self.state();
        if state.lanes.get(lane).map(String::as_str) != Some(from) {
            return false;
        }
        for key in outdated {
            self.throw_out(&mut state, key);
        }
        state.lanes.insert(lane.clone(), to.to_owned());
        true
    }

    pub(crate) fn put_lane(&self, lane: &Lane, to: &str) {
        self.state().lanes.insert(lane.clone(), to.to_owned());
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.throw_out(&mut self.state(), key);
    }

    pub(crate) fn forget_lane(&self, lane: &Lane) {
        self.state().lanes.remove(lane);
    }

    pub(crate) fn count(&self, key: &Key) -> Counted {
        self.counters.count(key)
    }

    fn throw_out(&self, state: &mut State, key: &Key) {
        let name = key.to_string();
        self.entries.invalidate(&name);
        let slot = slot_of(&name);
        state.generations[slot] = state.generations[slot].wrapping_add(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn generation(&self, name: &str) -> u64 {
        self.generations[slot_of(name)]
    }
}

fn slot_of(name: &str) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
    usize::try_from(hash % GENERATIONS as u64).unwrap_or_default()
}

/// Counts in this process, for the minute after the first.
pub(crate) struct Counters(Cache<String, Arc<Mutex<Window>>>);

struct Window {
    count: u64,
    ends: Instant,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MOST_COUNTED).time_to_idle(Duration::from_mins(2)).build())
    }

    pub(crate) fn count(&self, key: &Key) -> Counted {
        let now = Instant::now();
        let window = self.0.get_with(key.to_string(), || Arc::new(Mutex::new(Window { count: 0, ends: now + key.ttl() })));
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.ends {
            *window = Window { count: 0, ends: now + key.ttl() };
        }
        window.count += 1;
        Counted { count: window.count, starts_anew_in: window.ends - now }
    }
}
