//! How is a rule told as a story? `given(events).when(command).then(events)`. And what holds for every story?

use std::collections::BTreeSet;
use std::marker::PhantomData;

use uuid::Uuid;

use crate::{Aggregate, Event, Grounds, PayloadDecoder, Reservation};

pub(crate) mod strategies;

pub(crate) fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given(events.into_iter().fold(A::default(), |state, event| state.evolve(&event)), Grounds::default())
}

pub(crate) struct Given<A>(A, Grounds);

impl<A: Aggregate> Given<A> {
    /// What the decision rests on besides.
    pub(crate) fn on(self, grounds: Grounds) -> Self {
        Self(self.0, grounds)
    }

    pub(crate) fn when(self, command: A::Command) -> When<A> {
        When(self.0.decide_on(command, &self.1), PhantomData)
    }
}

pub(crate) struct When<A: Aggregate>(Result<Vec<A::Event>, A::Error>, PhantomData<A>);

impl<A: Aggregate> When<A> {
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = A::Event>) {
        assert_eq!(told(&self.events()), told(&expected.into_iter().collect::<Vec<_>>()));
    }

    #[track_caller]
    pub(crate) fn events(self) -> Vec<A::Event> {
        self.0.expect("the rules allow it")
    }

    #[track_caller]
    pub(crate) fn then_error(self, expected: A::Error) {
        assert_eq!(self.0.expect_err("the rules refuse it"), expected);
    }
}

/// Events as JSON, so that a failing test shows what differs (their `Debug` shows only the kind).
fn told<E: Event>(events: &[E]) -> serde_json::Value {
    serde_json::to_value(events).expect("events are serialisable")
}

/// Gives the commands one after the other; what comes of those that aren't refused.
pub(crate) fn story<A: Aggregate>(commands: impl IntoIterator<Item = A::Command>) -> Vec<A::Event> {
    let (mut state, mut story) = (A::default(), Vec::new());
    for events in commands {
        for event in state.decide(events).unwrap_or_default() {
            state = state.evolve(&event);
            story.push(event);
        }
    }
    story
}

/// The state in the end.
pub(crate) fn folded<A: Aggregate>(story: &[A::Event]) -> A {
    story.iter().fold(A::default(), A::evolve)
}

/// The state in the end, folded with a snapshot after every event.
pub(crate) fn folded_through_snapshots<A: Aggregate>(story: &[A::Event]) -> A {
    story.iter().fold(A::default(), |state, event| {
        let snapshot = serde_json::to_vec(&state.evolve(event)).expect("a state is serialisable");
        serde_json::from_slice(&snapshot).expect("a snapshot is readable")
    })
}

/// The unique values held in the end; none was taken twice, none given back that wasn't held.
pub(crate) fn claims_held<A: Aggregate>(id: Uuid, story: &[A::Event]) -> BTreeSet<(&'static str, String)> {
    let (mut state, mut held) = (A::default(), BTreeSet::new());
    for event in story {
        for reservation in state.reservations(id, event) {
            match reservation {
                Reservation::Claim { kind, value } => assert!(held.insert((kind, value)), "{kind} was taken twice"),
                Reservation::Release { kind, value } => assert!(held.remove(&(kind, value)), "{kind} was given back without being held"),
                Reservation::Slot { .. } | Reservation::ReleaseSlots => {}
            }
        }
        state = state.evolve(event);
    }
    held
}

/// What became of a stream: its events, each with the state before it, and the state in the end.
pub(crate) struct Life<A: Aggregate> {
    pub(crate) events: Vec<(A, A::Event)>,
    pub(crate) state: A,
}

/// Tells commands one after another, refused ones included, and checks what must hold of every aggregate.
pub(crate) fn live<A: Aggregate>(id: Uuid, commands: impl IntoIterator<Item = A::Command>) -> Life<A> {
    live_on(id, &Grounds::default(), commands)
}

/// As [`live`], where the decisions rest on that.
pub(crate) fn live_on<A: Aggregate>(id: Uuid, grounds: &Grounds, commands: impl IntoIterator<Item = A::Command>) -> Life<A> {
    let mut life = Life { events: Vec::new(), state: A::default() };
    for command in commands {
        let Ok(events) = life.state.decide_on(command.clone(), grounds) else { continue };
        for event in events {
            check_written(&event);
            let before = life.state.clone();
            life.state = life.state.evolve(&event);
            assert!(through_json(&life.state) == life.state, "a snapshot after {event:?} is another state");
            life.events.push((before, event));
        }
        let again = life.state.decide_on(command, grounds).unwrap_or_default();
        assert!(again.is_empty(), "the same command twice has two effects: {again:?}");
    }
    let at_once = life.events.iter().fold(A::default(), |state, (_, event)| state.evolve(event));
    assert!(at_once == life.state, "folding at once gives another state");
    check_subjects(id, &life);
    life
}

fn check_written<E: Event>(event: &E) {
    let kind = event.kind();
    let mut payload = Vec::new();
    event.serialize_payload(&mut serde_json::Serializer::new(&mut payload)).expect("payloads are serialisable");
    let read = E::decode(kind.name, kind.version, Json(&payload)).expect("its own kind").expect("what was written can be read");
    assert!(read == *event, "{event:?} is another event once written and read");
    assert_eq!(format!("{event:?}"), format!("{}.v{}", kind.name, kind.version), "the kind and nothing else is shown");
}

fn check_subjects<A: Aggregate>(id: Uuid, life: &Life<A>) {
    let mut subjects = life.events.iter().map(|(before, event)| before.clone().evolve(event).subject(id, event));
    if let Some(first) = subjects.next() {
        assert!(subjects.all(|subject| subject == first), "a stream is sealed under one subject's key");
    }
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).expect("states are serialisable")).expect("what was written can be read")
}

struct Json<'a>(&'a [u8]);

impl PayloadDecoder for Json<'_> {
    type Error = serde_json::Error;

    fn decode<T: serde::de::DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.0)
    }
}
