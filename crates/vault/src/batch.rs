//! How do many commands that each need a key share one statement?

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anamnesis_loops::{Loops, Together};

use crate::error::VaultError;
use crate::key::{DataKey, KeyOwner};
use crate::store::Store;

type Answer = Result<Vec<DataKey>, VaultError>;

/// The way to the task that looks keys up. The task ends with the last clone.
#[derive(Clone)]
pub(crate) struct Batcher(Together<Vec<KeyOwner>, Answer>);

impl Batcher {
    pub(crate) fn start(store: Arc<Store>, loops: &Loops) -> Self {
        Self(Together::start(loops, "keys", move |requests| answer_all(Arc::clone(&store), requests)))
    }

    pub(crate) async fn keys(&self, owners: Vec<KeyOwner>) -> Answer {
        self.0.ask(owners).await.unwrap_or(Err(VaultError::Closed))
    }
}

async fn answer_all(store: Arc<Store>, requests: Vec<Vec<KeyOwner>>) -> Vec<Answer> {
    let keys = look_up(&store, &requests).await;
    let answer = |owners: Vec<KeyOwner>| match &keys {
        Ok(keys) => owners.iter().map(|owner| answer_for(keys, owner)).collect(),
        Err(error) => Err(error.clone()),
    };
    requests.into_iter().map(answer).collect()
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
