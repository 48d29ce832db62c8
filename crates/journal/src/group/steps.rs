//! What does each step of a group make of its stream?

use std::any::Any;

use anamnesis_domain::Aggregate;
use async_trait::async_trait;
use uuid::Uuid;

use super::{AnyRefusal, Why, receipt_id};
use crate::append::Append;
use crate::failure::Failure;
use crate::framework::{Loaded, Store};
use crate::outcome::CommandError;
use crate::receipt::Kept;
use crate::seal::{Change, seal};
use crate::stream::Folded;

/// A command of whichever aggregate.
#[async_trait]
pub(super) trait Step: Send + Sync {
    /// Which stream it is for.
    fn stream(&self) -> (&'static str, Uuid);
    /// Decides it on what the steps before it have made of the stream.
    async fn decide(&self, n: usize, store: &Store<'_>, streams: &mut Streams) -> Result<(), Why>;
    /// The no that a receipt keeps.
    fn kept(&self, text: &str) -> Option<CommandError<AnyRefusal>>;
}

pub(super) struct Command<A: Aggregate> {
    pub(super) id: Uuid,
    pub(super) order: A::Command,
    pub(super) expected: Option<u64>,
    pub(super) begins: bool,
}

#[async_trait]
impl<A: Aggregate> Step for Command<A> {
    fn stream(&self) -> (&'static str, Uuid) {
        (A::TYPE, self.id)
    }

    async fn decide(&self, n: usize, store: &Store<'_>, streams: &mut Streams) -> Result<(), Why> {
        let stream = streams.of(self, store).await?;
        let before = stream.loaded.before.sequence;
        if self.expected.is_some_and(|expected| expected != before) {
            return Err(Failure::Expected(before).into());
        }
        let events = match stream.loaded.decide(self.order.clone()).await {
            Err(refusal) => return Err(Why::Kept(Kept::Rule(refusal.into()))),
            Ok(_) if stream.is_foreign => return Err(Failure::Foreign.into()),
            Ok(events) => events,
        };
        stream.steps.push((n, events.len()));
        stream.events.extend(events);
        Ok(())
    }

    fn kept(&self, text: &str) -> Option<CommandError<AnyRefusal>> {
        Kept::<A::Error>::parse(text).map(|kept| kept.map(AnyRefusal::from).into())
    }
}

/// The streams that a group's steps have touched so far.
#[derive(Default)]
pub(super) struct Streams(Vec<Box<dyn Stream>>);

impl Streams {
    async fn of<A: Aggregate>(&mut self, command: &Command<A>, store: &Store<'_>) -> Result<&mut OpenStream<A>, Failure> {
        let known =
            self.0.iter_mut().position(|stream| stream.as_any().downcast_ref::<OpenStream<A>>().is_some_and(|open| open.loaded.id == command.id));
        if known.is_none() {
            self.0.push(Box::new(OpenStream::<A>::open(command, store).await?));
        }
        let place = known.unwrap_or(self.0.len() - 1);
        self.0[place].as_any().downcast_mut().ok_or(Failure::broken("a stream has changed its kind"))
    }

    /// What the steps append, in their order.
    pub(super) async fn seal(self, store: &Store<'_>) -> Result<Vec<Append>, Failure> {
        let mut appends = Vec::new();
        for stream in self.0 {
            appends.extend(stream.seal(store).await?);
        }
        appends.sort_unstable_by_key(|(n, _)| *n);
        Ok(appends.into_iter().map(|(_, append)| append).collect())
    }
}

#[async_trait]
trait Stream: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    async fn seal(self: Box<Self>, store: &Store<'_>) -> Result<Vec<(usize, Append)>, Failure>;
}

/// A stream with the events that the steps have added, and how many each.
struct OpenStream<A: Aggregate> {
    loaded: Loaded<A>,
    is_foreign: bool,
    events: Vec<A::Event>,
    steps: Vec<(usize, usize)>,
}

impl<A: Aggregate> OpenStream<A> {
    async fn open(command: &Command<A>, store: &Store<'_>) -> Result<Self, Failure> {
        let absent = || Loaded::new(command.id, Folded::absent());
        let found = if command.begins { Ok(absent()) } else { store.load_stream::<A>(command.id).await };
        let is_foreign = matches!(found, Err(Failure::Foreign));
        let loaded = if is_foreign { absent() } else { found? };
        Ok(Self { loaded, is_foreign, events: Vec::new(), steps: Vec::new() })
    }
}

#[async_trait]
impl<A: Aggregate> Stream for OpenStream<A> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    /// Each step with its own events; claims, slots and the check of the sequence are the stream's, so the first has them.
    async fn seal(self: Box<Self>, store: &Store<'_>) -> Result<Vec<(usize, Append)>, Failure> {
        let (id, after) = (self.loaded.id, self.loaded.state().clone());
        let Folded { state: before, mut sequence, .. } = self.loaded.before;
        let change = Change { before, after: &after, sequence, events: &self.events };
        let mut whole = seal::<A>(&store.inner.vault, store.caller, id, change, false).await?;
        let mut events = std::mem::take(&mut whole.events).into_iter();
        let mut appends = Vec::with_capacity(self.steps.len());
        for (n, count) in self.steps {
            sequence += count as u64;
            let rest = Append { expected: None, claims: Vec::new(), slots: crate::append::Slots::Unchanged, ..whole.clone() };
            let own = std::mem::replace(&mut whole, rest);
            let receipt_id = receipt_id(store.caller.command_id, n);
            appends.push((n, Append { receipt_id, last_sequence: sequence, events: events.by_ref().take(count).collect(), ..own }));
        }
        Ok(appends)
    }
}
