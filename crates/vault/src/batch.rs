//! How do many commands that each need a key share one statement?
//!
//! While one statement runs, whoever else needs a key waits in the queue; the next statement asks for all of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anamnesis_loops::{Loops, PATIENCE, Pulse};
use tokio::sync::{mpsc, oneshot};

use crate::error::VaultError;
use crate::key::{DataKey, KeyOwner};
use crate::store::Store;

/// Requests that wait at most; more callers wait for room.
const LONGEST_QUEUE: usize = 1_024;
/// Requests answered by one statement at most.
const LARGEST_BATCH: usize = 256;

type Answer = Result<Vec<DataKey>, VaultError>;

struct Request {
    owners: Vec<KeyOwner>,
    reply: oneshot::Sender<Answer>,
}

/// The way to the task that looks keys up. The task ends with the last clone.
#[derive(Clone)]
pub(crate) struct Batcher(mpsc::Sender<Request>);

impl Batcher {
    pub(crate) fn start(store: Arc<Store>, loops: &Loops) -> Self {
        let (sender, requests) = mpsc::channel(LONGEST_QUEUE);
        loops.spawn("keys", PATIENCE, |pulse| answer_all(store, requests, pulse)).go_on();
        Self(sender)
    }

    pub(crate) async fn keys(&self, owners: Vec<KeyOwner>) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.0.send(Request { owners, reply }).await.map_err(|_| VaultError::Closed)?;
        answer.await.map_err(|_| VaultError::Closed)?
    }
}

async fn answer_all(store: Arc<Store>, mut requests: mpsc::Receiver<Request>, pulse: Pulse) {
    let mut batch = Vec::with_capacity(LARGEST_BATCH);
    while pulse.while_waiting(requests.recv_many(&mut batch, LARGEST_BATCH)).await > 0 {
        let keys = look_up(&store, &batch).await;
        for Request { owners, reply } in batch.drain(..) {
            let answer = match &keys {
                Ok(keys) => owners.iter().map(|owner| answer_for(keys, owner)).collect(),
                Err(error) => Err(error.clone()),
            };
            // a caller that went away needs no answer
            let _ = reply.send(answer);
        }
    }
    pulse.ends();
}

async fn look_up(store: &Store, batch: &[Request]) -> Result<HashMap<KeyOwner, Result<DataKey, VaultError>>, VaultError> {
    let wanted: BTreeSet<_> = batch.iter().flat_map(|request| &request.owners).copied().collect();
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
