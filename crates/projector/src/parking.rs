//! Which streams has a projection parked, and what waits behind their poison? (`migrations/0009_parked.sql`)
//!
//! Only who moves a projection's checkpoint changes this, in the same transaction. So it is remembered in memory, as long as
//! the revision beside the checkpoint is the one that is known: as a rule nothing is asked.

mod written;

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_domain::Recorded;
use anamnesis_journal::log::Unopened;
use uuid::Uuid;

use crate::error::{Reason, reason};
pub(crate) use crate::parking::written::{Tried, ask_for_others, asked, asked_to_go_on, note, skipped, waiting};

/// The events of one aggregate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stream {
    /// The kind of aggregate.
    pub aggregate_type: String,
    /// Its id.
    pub aggregate_id: Uuid,
}

impl Stream {
    /// A stream.
    pub fn new(aggregate_type: &str, aggregate_id: Uuid) -> Self {
        Self { aggregate_type: aggregate_type.to_owned(), aggregate_id }
    }

    pub(crate) fn of(event: &Recorded) -> Self {
        Self::new(event.aggregate_type, event.aggregate_id)
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.aggregate_type, self.aggregate_id)
    }
}

/// What a projection has parked, and what of that isn't written yet.
#[derive(Clone, Default)]
pub(crate) struct Parking {
    /// What stands beside the checkpoint; `None`: nothing is known yet.
    revision: Option<i64>,
    /// The poison of each parked stream.
    parked: BTreeMap<Stream, u64>,
    /// Poison that it goes on without.
    skipped: BTreeSet<u64>,
    /// Streams parked since, with why.
    fresh: BTreeMap<Stream, Reason>,
    /// Events that wait since, the poison among them.
    waiting: Vec<u64>,
    /// Streams whose poison was taken after all.
    mended: Vec<Stream>,
    /// What was to be left out, and had to be.
    left_out: BTreeSet<u64>,
}

impl Parking {
    /// Nothing is parked, and nothing is to be left out but `skipped`; `left_out` was already.
    pub(crate) fn empty(skipped: BTreeSet<u64>, left_out: BTreeSet<u64>) -> Self {
        Self { skipped, left_out, ..Self::default() }
    }

    /// Whether it is as that revision has it.
    pub(crate) fn is_of(&self, revision: i64) -> bool {
        self.revision == Some(revision)
    }

    /// Whether it was changed by somebody else since it was known: by a rebuild, which may have put other rows there as well.
    pub(crate) fn is_outdated(&self, revision: i64) -> bool {
        self.revision.is_some_and(|known| known != revision)
    }

    /// How many streams are parked.
    pub(crate) fn count(&self) -> usize {
        self.parked.len()
    }

    /// The poison of each parked stream.
    pub(crate) fn poison(&self) -> &BTreeMap<Stream, u64> {
        &self.parked
    }

    /// Whether a stream is parked.
    pub(crate) fn holds(&self, aggregate_type: &str, aggregate_id: Uuid) -> bool {
        !self.parked.is_empty() && self.parked.contains_key(&Stream::new(aggregate_type, aggregate_id))
    }

    /// Whether an event is to be left out.
    pub(crate) fn skips(&self, position: u64) -> bool {
        self.skipped.contains(&position)
    }

    /// Parks a stream at an event that can't be taken. Of several the first is the poison.
    pub(crate) fn park(&mut self, stream: Stream, position: u64, reason: Reason) {
        self.waiting.push(position);
        let poison = self.parked.entry(stream.clone()).or_insert(u64::MAX);
        if position <= *poison {
            *poison = position;
            self.fresh.insert(stream, reason);
        }
    }

    /// Parks the stream of an event that doesn't open.
    pub(crate) fn park_unopened(&mut self, unopened: &Unopened) {
        self.park(Stream::new(&unopened.aggregate_type, unopened.aggregate_id), unopened.position, reason(&unopened.why));
    }

    /// An event of a parked stream.
    pub(crate) fn wait(&mut self, position: u64) {
        self.waiting.push(position);
    }

    /// Takes from events those of parked streams: they wait.
    pub(crate) fn let_wait(&mut self, events: &mut Vec<&Recorded>) {
        events.retain(|event| {
            let waits = self.holds(event.aggregate_type, event.aggregate_id);
            if waits {
                self.wait(event.position);
            }
            !waits
        });
    }

    /// An event that was to be left out couldn't be taken this time either.
    pub(crate) fn leave_out(&mut self, position: u64) {
        self.left_out.insert(position);
    }

    /// All that waits, of who began with nothing parked; in order.
    pub(crate) fn all_waiting(&self) -> Vec<u64> {
        Vec::from_iter(self.waiting.iter().copied().collect::<BTreeSet<_>>())
    }

    /// What was to be left out, and had to be.
    pub(crate) fn all_left_out(&self) -> &BTreeSet<u64> {
        &self.left_out
    }

    /// What was to be left out and, of everything up to a position, was taken this time.
    pub(crate) fn unskipped(&self, up_to: u64) -> Vec<u64> {
        let wasnt_taken = |position: &u64| self.left_out.contains(position) || self.waiting.contains(position);
        self.skipped.iter().copied().filter(|position| *position <= up_to && !wasnt_taken(position)).collect()
    }

    /// A projection that stands still at poison was able to go on up to a position: what was noted up to there is mended.
    pub(crate) fn passed(&mut self, up_to: u64) {
        if self.parked.values().any(|poison| *poison <= up_to) {
            let fresh = &self.fresh;
            let mended = self.parked.extract_if(.., |stream, poison| *poison <= up_to && !fresh.contains_key(stream));
            self.mended.extend(mended.map(|(stream, _)| stream));
        }
    }

    fn is_written(&self) -> bool {
        self.fresh.is_empty() && self.waiting.is_empty() && self.mended.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: u128) -> Stream {
        Stream::new("patient", Uuid::from_u128(id))
    }

    #[test]
    fn of_several_events_that_cannot_be_taken_the_first_is_the_poison() {
        let mut parking = Parking::default();
        parking.park(stream(1), 7, Reason::Unopenable);
        parking.park(stream(1), 5, Reason::Unfoldable);
        parking.park(stream(1), 9, Reason::Altered);
        parking.park(stream(2), 8, Reason::RowRefused);
        assert_eq!(parking.poison(), &BTreeMap::from([(stream(1), 5), (stream(2), 8)]));
        assert_eq!(parking.fresh, BTreeMap::from([(stream(1), Reason::Unfoldable), (stream(2), Reason::RowRefused)]));
        assert_eq!(parking.waiting, [7, 5, 9, 8]);
        assert!(parking.holds("patient", Uuid::from_u128(1)) && !parking.holds("consent", Uuid::from_u128(1)));
    }

    #[test]
    fn what_was_noted_before_a_position_is_mended_once_it_is_passed() {
        let mut parking = Parking { parked: BTreeMap::from([(stream(1), 5), (stream(2), 8)]), ..Parking::default() };
        parking.passed(4);
        assert!(parking.is_written());
        parking.passed(7);
        assert_eq!((parking.mended.as_slice(), parking.count()), (&[stream(1)][..], 1));
    }
}
