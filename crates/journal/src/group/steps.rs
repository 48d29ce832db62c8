//! What does each step of a group make of its stream?

use std::any::Any;

use anamnesis_domain::{Aggregate, Event as _, Ground, Grounds, States};
use async_trait::async_trait;
use uuid::Uuid;

use super::{AnyRefusal, Why, receipt_id};
use crate::append::{Append, Place};
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
    /// The names of what the group has made happen in that stream up to a sequence.
    async fn happened(&self, store: &Store<'_>, id: Uuid, last: u64) -> Result<Vec<&'static str>, Failure>;
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
        let wanted = stream.loaded.state().grounds(&self.order);
        let (grounds, places) = streams.grounds(&wanted, store).await?;
        let stream = streams.of(self, store).await?;
        let events = match stream.loaded.decide(self.order.clone(), &grounds).await {
            Err(refusal) => return Err(Why::Kept(Kept::Rule(refusal.into()))),
            Ok(_) if stream.is_foreign => return Err(Failure::Foreign.into()),
            Ok(events) => events,
        };
        stream.steps.push((n, events.len(), places));
        stream.events.extend(events);
        Ok(())
    }

    async fn happened(&self, store: &Store<'_>, id: Uuid, last: u64) -> Result<Vec<&'static str>, Failure> {
        let events = store.events_of_command::<A>(id, last).await?;
        Ok(events.iter().map(|event| event.event.kind().name).collect())
    }

    fn kept(&self, text: &str) -> Option<CommandError<AnyRefusal>> {
        Kept::<A::Error>::parse(text).map(|kept| kept.map(AnyRefusal::from).into())
    }
}

/// The streams that a group's steps have touched so far.
#[derive(Default)]
pub(crate) struct Streams(Vec<Box<dyn Stream>>);

impl Streams {
    async fn of<A: Aggregate>(&mut self, command: &Command<A>, store: &Store<'_>) -> Result<&mut OpenStream<A>, Failure> {
        if self.open::<A>(command.id).is_none() {
            self.0.push(Box::new(OpenStream::<A>::open(command, store).await?));
        }
        self.open(command.id).ok_or(Failure::broken("a stream has changed its kind"))
    }

    /// The grounds of a decision, as the steps before it have left them, and where they stood before the group.
    pub(crate) async fn grounds(&mut self, grounds: &[Ground], store: &Store<'_>) -> Result<(Grounds, Vec<Place>), Failure> {
        let mut reading = Reading { streams: self, store, places: Vec::new() };
        let found = Grounds::read(grounds, &mut reading).await?;
        Ok((found, reading.places))
    }

    /// A stream that a step has touched.
    fn open<A: Aggregate>(&mut self, id: Uuid) -> Option<&mut OpenStream<A>> {
        self.0.iter_mut().filter_map(|stream| stream.as_any().downcast_mut::<OpenStream<A>>()).find(|open| open.loaded.id == id)
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

/// Reads the grounds of a decision, and remembers how far each was: of what the steps have touched, what they have made of it.
struct Reading<'a> {
    streams: &'a mut Streams,
    store: &'a Store<'a>,
    places: Vec<Place>,
}

impl States for Reading<'_> {
    type Error = Failure;

    fn organization(&self) -> Uuid {
        self.store.caller.organization_id
    }

    async fn state<A: Aggregate>(&mut self, id: Uuid) -> Result<A, Failure> {
        let (state, place) = match self.streams.open::<A>(id) {
            Some(open) => {
                (open.loaded.state().clone(), Some(Place { aggregate_type: A::TYPE, aggregate_id: id, sequence: open.loaded.before.sequence }))
            }
            None => self.store.ground::<A>(id).await?,
        };
        self.places.extend(place);
        Ok(state)
    }
}

#[async_trait]
trait Stream: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    async fn seal(self: Box<Self>, store: &Store<'_>) -> Result<Vec<(usize, Append)>, Failure>;
}

/// A stream with the events that the steps have added: how many each, and on which grounds.
struct OpenStream<A: Aggregate> {
    loaded: Loaded<A>,
    is_foreign: bool,
    events: Vec<A::Event>,
    steps: Vec<(usize, usize, Vec<Place>)>,
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
        let mut sequence = self.loaded.before.sequence;
        let change = Change { before: &self.loaded.before.state, after: &after, sequence, events: &self.events };
        let mut whole = seal::<A>(&store.inner.vault, store.caller, id, change, false).await?;
        let mut events = std::mem::take(&mut whole.events).into_iter();
        let mut appends = Vec::with_capacity(self.steps.len());
        for (n, count, grounds) in self.steps {
            sequence += count as u64;
            let rest = Append { expected: None, claims: Vec::new(), slots: crate::append::Slots::Unchanged, ..whole.clone() };
            let own = std::mem::replace(&mut whole, rest);
            let receipt_id = receipt_id(store.caller.command_id, n);
            let mut append = Append { receipt_id, last_sequence: sequence, events: events.by_ref().take(count).collect(), ..own };
            append.rest_on(grounds);
            appends.push((n, append));
        }
        Ok(appends)
    }
}
