//! How are several commands carried out together, or none of them?
//!
//! Each step is decided on what the steps before it have made of its stream; then all are appended in one transaction.
//! Every step has a receipt of its own, so a repeated group gets the same answer, step by step.

mod steps;

use std::collections::BTreeMap;

use anamnesis_domain::{Aggregate, Broken, Refusal};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::append::{Append, Slots, Verdict};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::framework::Store;
use crate::journal::Journal;
use crate::outcome::CommandError;
use crate::receipt::Kept;
use crate::seal::receipt;
pub(crate) use steps::Streams;
use steps::{Command, Step};

/// How often a group is decided anew because one of its streams has changed meanwhile.
const MOST_ATTEMPTS: u32 = 16;

/// Commands that are carried out together or not at all, in this order.
#[derive(Default)]
pub struct Group {
    steps: Vec<Box<dyn Step>>,
}

impl Group {
    /// Without commands.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command; `expected` is the sequence that the caller has seen before the group, if it matters.
    #[must_use]
    pub fn execute<A: Aggregate>(self, id: Uuid, command: A::Command, expected: Option<u64>) -> Self {
        self.and(Command::<A> { id, order: command, expected, begins: false })
    }

    /// Adds a command that begins a stream: saves reading it.
    #[must_use]
    pub fn create<A: Aggregate>(self, id: Uuid, command: A::Command) -> Self {
        self.and(Command::<A> { id, order: command, expected: None, begins: true })
    }

    fn and<A: Aggregate>(mut self, command: Command<A>) -> Self {
        self.steps.push(Box::new(command));
        self
    }
}

/// All of a group's commands stand in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupCommitted {
    /// Where each command's stream ends after it.
    pub steps: Vec<StepCommitted>,
    /// What happened, step by step, by the events' names.
    pub events: Vec<&'static str>,
    /// True when the group had been carried out before and this is the answer it got then.
    pub replayed: bool,
}

/// Where a command's stream ends after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepCommitted {
    /// The kind of stream.
    pub aggregate_type: &'static str,
    /// The stream.
    pub aggregate_id: Uuid,
    /// Its last event after the command.
    pub sequence: u64,
}

/// Why none of a group's commands had an effect.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct GroupError {
    /// Which command stopped it, from 0; `None`: no single one.
    pub step: Option<usize>,
    /// Why.
    pub error: CommandError<AnyRefusal>,
}

/// A broken rule of whichever aggregate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct AnyRefusal {
    /// The rule's name.
    pub rule: &'static str,
    /// What kind of no it is.
    pub broken: Broken,
    /// The field of the request that it is about, if it is about one.
    pub field: Option<&'static str>,
    /// The sentence for the caller.
    pub sentence: String,
}

impl<E: Refusal> From<E> for AnyRefusal {
    fn from(refusal: E) -> Self {
        Self { rule: refusal.rule(), broken: refusal.broken(), field: refusal.field(), sentence: refusal.to_string() }
    }
}

/// Why an attempt isn't the answer, and at which step.
struct Stopped {
    step: Option<usize>,
    why: Why,
}

enum Why {
    Failed(Failure),
    Kept(Kept<AnyRefusal>),
}

impl Why {
    fn at(self, step: usize) -> Stopped {
        Stopped { step: Some(step), why: self }
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        Kept::of(failure).map_or_else(Self::Failed, Self::Kept)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self { step: None, why: failure.into() }
    }
}

impl Journal {
    /// Carries out several commands together, in one transaction; any of them can stop all.
    pub async fn group(&self, group: &Group, caller: &Caller) -> Result<GroupCommitted, GroupError> {
        let store = Store { inner: &self.0, caller };
        if group.steps.is_empty() {
            return Ok(GroupCommitted { steps: Vec::new(), events: Vec::new(), replayed: false });
        }
        let mut turns = Vec::new();
        for _ in 0..MOST_ATTEMPTS {
            let Stopped { step, why } = match attempt_once(group, &store).await {
                Ok((steps, events)) => return Ok(GroupCommitted { steps, events, replayed: false }),
                Err(stopped) => stopped,
            };
            let failure = match why {
                Why::Failed(Failure::Conflict | Failure::KeysGone) => {
                    if turns.is_empty() {
                        turns = self.0.turns.take(group.steps.iter().map(|step| step.stream().1)).await;
                    }
                    continue;
                }
                Why::Failed(failure) => store.unless_replayed(failure).await,
                Why::Kept(kept) => match keep(group, &store, step.unwrap_or_default(), &kept).await {
                    Ok(()) => return Err(GroupError { step, error: kept.into() }),
                    Err(failure) => failure,
                },
            };
            let is_duplicate = matches!(failure, Failure::Duplicate);
            return if is_duplicate { replay(group, &store).await } else { Err(GroupError { step, error: failure.told() }) };
        }
        Err(GroupError { step: None, error: CommandError::Conflict })
    }
}

async fn attempt_once(group: &Group, store: &Store<'_>) -> Result<(Vec<StepCommitted>, Vec<&'static str>), Stopped> {
    let mut streams = Streams::default();
    for (n, step) in group.steps.iter().enumerate() {
        step.decide(n, store, &mut streams).await.map_err(|why| why.at(n))?;
    }
    let appends = streams.seal(store).await?;
    if let Some((n, failure)) = collision(&appends) {
        return Err(Why::from(failure).at(n));
    }
    let committed = appends.iter().map(|append| StepCommitted {
        aggregate_type: append.aggregate_type,
        aggregate_id: append.aggregate_id,
        sequence: append.last_sequence,
    });
    let committed = committed.collect();
    let events = appends.iter().flat_map(|append| append.events.iter().map(|event| event.event_type)).collect();
    let verdicts = store.inner.appender.append_group(appends).await.map_err(Failure::from)?;
    for (n, verdict) in verdicts.into_iter().enumerate() {
        if verdict != Verdict::HeldBack {
            store.inner.judge(verdict).map_err(|failure| Why::from(failure).at(n))?;
        }
    }
    Ok((committed, events))
}

/// What two streams of one group can't both have; the database would only say that something fails.
fn collision(appends: &[Append]) -> Option<(usize, Failure)> {
    let earlier = |n: usize| appends[..n].iter().filter(move |other| other.aggregate_id != appends[n].aggregate_id);
    for (n, append) in appends.iter().enumerate() {
        for claim in append.claims.iter().filter(|claim| claim.takes) {
            let is_same = |other: &Append| other.claims.iter().any(|c| c.takes && (c.kind, c.hash) == (claim.kind, claim.hash));
            if earlier(n).any(is_same) {
                return Some((n, Failure::Taken(claim.kind.to_owned())));
            }
        }
        let Slots::Held(slots) = &append.slots else { continue };
        for slot in slots {
            let overlaps = |other: &Append| other.held_slots().any(|held| held.overlaps(slot));
            if earlier(n).any(overlaps) {
                return Some((n, Failure::SlotTaken(slot.kind)));
            }
        }
    }
    None
}

/// The receipt of a step. The first one's is the command's own; so a single command under the same id is noticed.
fn receipt_id(command_id: Uuid, step: usize) -> Uuid {
    if step == 0 {
        return command_id;
    }
    let mut sha = Sha256::new_with_prefix(b"anamnesis/group/1");
    sha.update(command_id.as_bytes());
    sha.update((step as u64).to_be_bytes());
    let digest: [u8; 32] = sha.finalize().into();
    Uuid::new_v8(*digest.first_chunk().expect("16 of 32 bytes"))
}

/// Keeps a no as the first step's receipt, so that asking again gets the same one.
async fn keep(group: &Group, store: &Store<'_>, step: usize, kept: &Kept<AnyRefusal>) -> Result<(), Failure> {
    let stream = group.steps.get(step).map(|step| step.stream()).ok_or(Failure::broken("a group was stopped by a step it doesn't have"))?;
    let text = format!("{step}:{}", kept.text(|refusal| refusal.rule));
    store.inner.append(receipt(&store.inner.vault, store.caller, stream, text).await?).await
}

/// The answer that the group got the first time.
async fn replay(group: &Group, store: &Store<'_>) -> Result<GroupCommitted, GroupError> {
    let failed = |error| GroupError { step: None, error };
    let (mut steps, mut events, mut told) = (Vec::with_capacity(group.steps.len()), Vec::new(), BTreeMap::<Uuid, usize>::new());
    for (n, step) in group.steps.iter().enumerate() {
        let receipt = store.known_receipt(receipt_id(store.caller.command_id, n)).await.map_err(|failure| failed(failure.told()))?;
        let receipt = receipt.ok_or_else(|| failed(CommandError::SameKeyOtherRequest))?;
        if let Some(text) = &receipt.refusal {
            return Err(refused(group, text).unwrap_or_else(|| failed(Failure::broken("a receipt keeps a rule that isn't known").told())));
        }
        let (aggregate_type, _) = step.stream();
        if receipt.aggregate_type != aggregate_type {
            return Err(failed(CommandError::SameKeyOtherRequest));
        }
        let (aggregate_id, sequence) = (receipt.aggregate_id, receipt.last_sequence());
        let happened = step.happened(store, aggregate_id, sequence).await.map_err(|failure| failed(failure.told()))?;
        let before = told.insert(aggregate_id, happened.len()).unwrap_or_default();
        events.extend(happened.into_iter().skip(before));
        steps.push(StepCommitted { aggregate_type, aggregate_id, sequence });
    }
    Ok(GroupCommitted { steps, events, replayed: true })
}

fn refused(group: &Group, text: &str) -> Option<GroupError> {
    let (step, kept) = text.split_once(':')?;
    let step: usize = step.parse().ok()?;
    Some(GroupError { step: Some(step), error: group.steps.get(step)?.kept(kept)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_receipt_of_its_own() {
        let command = Uuid::from_u128(1);
        assert_eq!(receipt_id(command, 0), command);
        assert_ne!(receipt_id(command, 1), receipt_id(command, 2));
        assert_eq!(receipt_id(command, 1).get_version_num(), 8);
    }
}
