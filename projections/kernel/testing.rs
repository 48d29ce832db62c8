//! How is a fold told as a story? `given(events).rows::<Fold>()`.

use anamnesis_domain::{AnyEvent, Instant, Opened, Origin, Recorded};
use uuid::Uuid;

use serde::de::DeserializeOwned;

use crate::kernel::{Fold, Row, Stamped, fold_until};

/// The organization of every event here.
pub(crate) const ORGANIZATION: Uuid = Uuid::from_u128(0xa);

/// A log with nothing in it.
pub(crate) fn log() -> Log {
    Log::default()
}

/// A log that grows by one event a call.
#[derive(Default)]
pub(crate) struct Log(Vec<Recorded>);

impl Log {
    /// An event of a stream whose subject is the stream itself.
    pub(crate) fn event(self, aggregate_type: &'static str, id: Uuid, event: impl Into<AnyEvent>) -> Self {
        self.sealed_for(aggregate_type, id, id, event)
    }

    /// An event sealed under the organization's audit key.
    pub(crate) fn audit_event(self, aggregate_type: &'static str, id: Uuid, event: impl Into<AnyEvent>) -> Self {
        self.sealed_for(aggregate_type, id, ORGANIZATION, event)
    }

    /// An event of a stream with that subject.
    pub(crate) fn sealed_for(mut self, aggregate_type: &'static str, id: Uuid, subject: Uuid, event: impl Into<AnyEvent>) -> Self {
        let event = event.into();
        let position = self.0.len() as u64 + 1;
        let time = Instant::from_micros(1_000_000 * i64::try_from(position).unwrap());
        self.0.push(Recorded {
            position,
            logged_at: time,
            recorded_at: time,
            organization_id: ORGANIZATION,
            aggregate_type,
            aggregate_id: id,
            sequence: self.0.iter().filter(|before| before.aggregate_id == id).count() as u64 + 1,
            event_id: Uuid::from_u128(0xe000 + u128::from(position)),
            event_type: event.kind().name.to_owned(),
            subject_id: subject,
            command_id: Uuid::from_u128(0xc000 + u128::from(position)),
            correlation_id: Uuid::from_u128(0xd000 + u128::from(position)),
            causation_id: None,
            actor_id: Uuid::from_u128(0xac),
            event: Opened::Value(event),
            origin: Opened::Value(Origin::default()),
        });
        self
    }

    /// Where the last event's request came from.
    pub(crate) fn with_origin(mut self, origin: Origin) -> Self {
        self.0.last_mut().unwrap().origin = Opened::Value(origin);
        self
    }

    /// The subject's key is destroyed: all of its events so far can't be opened any more.
    pub(crate) fn erase(mut self, subject: Uuid) -> Self {
        for event in self.0.iter_mut().filter(|event| event.subject_id == subject) {
            event.event = Opened::Erased;
        }
        self
    }

    /// The rows of `F` after all of it.
    pub(crate) fn rows<F: Fold>(&self) -> Vec<Stamped<F::Row>> {
        fold_until::<F>(&self.0).unwrap()
    }

    /// What the only row of `F` says in `column`.
    #[track_caller]
    pub(crate) fn says<F: Fold>(&self, column: &str) -> Option<String> {
        let rows = self.rows::<F>();
        assert_eq!(rows.len(), 1, "one row is expected");
        said(&rows[0], column)
    }
}

/// A payload as its JSON tells it.
#[track_caller]
pub(crate) fn told<T: DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// What a row says in `column`.
#[track_caller]
pub(crate) fn said<R: Row>(row: &Stamped<R>, column: &str) -> Option<String> {
    let (_, value) = row.plain().into_iter().find(|(name, _)| *name == column).expect("the table has the column");
    value.map(|bytes| String::from_utf8(bytes).unwrap())
}
