//! How do many commands that each need a key share one statement?

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anamnesis_loops::{Loops, Together, shared};
use uuid::Uuid;

use crate::error::VaultError;
use crate::key::{DataKey, KeyOwner};
use crate::store::{Fate, Store};

type Answer = Result<Vec<DataKey>, VaultError>;
type Fates = Result<HashMap<Uuid, Fate>, VaultError>;

/// The ways to the tasks that look keys up. A task ends with the last clone.
#[derive(Clone)]
pub(crate) struct Batcher {
    by_owner: Together<Vec<KeyOwner>, Answer>,
    by_id: Together<Vec<Uuid>, Fates>,
}

impl Batcher {
    pub(crate) fn start(store: &Arc<Store>, loops: &Loops) -> Self {
        let (of_owners, of_ids) = (Arc::clone(store), Arc::clone(store));
        Self {
            by_owner: Together::start(loops, "keys", move |requests| answer_all(Arc::clone(&of_owners), requests)),
            by_id: Together::start(loops, "keys by id", move |requests| fates(Arc::clone(&of_ids), requests)),
        }
    }

    /// The owners' current keys, made where there are none.
    pub(crate) async fn keys(&self, owners: Vec<KeyOwner>) -> Answer {
        self.by_owner.ask(owners).await.unwrap_or(Err(VaultError::Closed))
    }

    /// What became of the keys with these ids, of those that there are.
    pub(crate) async fn fates(&self, key_ids: Vec<Uuid>) -> Fates {
        self.by_id.ask(key_ids).await.unwrap_or(Err(VaultError::Closed))
    }
}

/// Never from memory: whoever asks has looked there, and what is erased isn't there.
async fn fates(store: Arc<Store>, requests: Vec<Vec<Uuid>>) -> Vec<Fates> {
    let wanted: BTreeSet<Uuid> = requests.iter().flatten().copied().collect();
    let found = store.by_id(&Vec::from_iter(wanted)).await;
    let of = |found: &mut HashMap<Uuid, Fate>, key_ids: Vec<Uuid>| {
        Ok(key_ids.into_iter().filter_map(|key_id| Some((key_id, found.get(&key_id)?.clone()))).collect())
    };
    shared(requests, found, of)
}

async fn answer_all(store: Arc<Store>, requests: Vec<Vec<KeyOwner>>) -> Vec<Answer> {
    let keys = look_up(&store, &requests).await;
    shared(requests, keys, |keys, owners| owners.iter().map(|owner| answer_for(keys, owner)).collect())
}

async fn look_up(store: &Store, requests: &[Vec<KeyOwner>]) -> Result<HashMap<KeyOwner, Result<DataKey, VaultError>>, VaultError> {
    let wanted: BTreeSet<_> = requests.iter().flatten().copied().collect();
    // the batch before may have brought what somebody asked for meanwhile
    let (mut keys, mut missing) = (HashMap::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
    for owner in wanted {
        match store.cache.current(&owner) {
            Some(key) => drop(keys.insert(owner, Ok(key))),
            None => missing.push(owner),
        }
    }
    if !missing.is_empty() {
        keys.extend(store.find_or_make(&missing).await?);
    }
    Ok(keys)
}

fn answer_for(keys: &HashMap<KeyOwner, Result<DataKey, VaultError>>, owner: &KeyOwner) -> Result<DataKey, VaultError> {
    keys.get(owner).cloned().unwrap_or(Err(VaultError::Inconsistent("a key can be neither found nor made")))
}
