//! How is a rule told as a story? `given(events).when(command).then(events)`.

use std::marker::PhantomData;

use crate::{Aggregate, Event};

pub(crate) fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given(events.into_iter().fold(A::default(), |state, event| state.evolve(&event)))
}

pub(crate) struct Given<A>(A);

impl<A: Aggregate> Given<A> {
    pub(crate) fn when(self, command: A::Command) -> When<A> {
        When(self.0.decide(command), PhantomData)
    }
}

pub(crate) struct When<A: Aggregate>(Result<Vec<A::Event>, A::Error>, PhantomData<A>);

impl<A: Aggregate> When<A> {
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = A::Event>) {
        let events = self.0.expect("the rules allow it");
        assert_eq!(told(&events), told(&expected.into_iter().collect::<Vec<_>>()));
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
