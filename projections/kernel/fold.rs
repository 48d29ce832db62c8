//! Which rows does an event touch, and what becomes of them?

use anamnesis_domain::Recorded;

use crate::kernel::key::Key;
use crate::kernel::row::{Row, Stamped};
use crate::kernel::rows::Rows;

/// A pure fold from events to the rows of one table.
///
/// A row belongs to one stream. It is given every event of its streams, opened or erased, in order, exactly once.
pub trait Fold: Send + Sync + 'static {
    /// The rows it makes.
    type Row: Row;
    /// Whose events it folds; the engine brings no others.
    const STREAMS: Streams;
    /// The sealed columns that the fold reads: in rows that were stored, the engine opens them first.
    const OPENED: &'static [&'static str] = &[];

    /// Every row that the event may read or change: those that exist are loaded before [`Fold::apply`] is called.
    ///
    /// An erased event says nothing, so it touches none, unless the row tells only that something happened.
    fn keys(event: &Recorded) -> Vec<Key>;

    /// What becomes of the rows. It can't fail: what has happened has happened.
    fn apply(rows: &mut Rows<Self::Row>, event: &Recorded);
}

/// Which aggregates' events a fold needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Streams {
    /// Those of these aggregates.
    Of(&'static [&'static str]),
    /// All.
    All,
}

impl Streams {
    /// Whether the aggregate is among them.
    pub fn include(self, aggregate_type: &str) -> bool {
        match self {
            Self::Of(types) => types.contains(&aggregate_type),
            Self::All => true,
        }
    }
}

/// An event that a fold can't take: a mistake in the fold, not in the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{table} can't fold the event at position {position}: its fold changes a row that `keys` didn't name")]
pub struct FoldError {
    /// The table.
    pub table: &'static str,
    /// The event.
    pub position: u64,
}

/// What becomes of the rows of `F`, event by event: the past of one patient, without a database.
pub struct Past<F: Fold>(Rows<F::Row>);

impl<F: Fold> Default for Past<F> {
    fn default() -> Self {
        Self(Rows::default())
    }
}

impl<F: Fold> Past<F> {
    /// Takes the next events.
    pub fn fold<'a>(&mut self, events: impl IntoIterator<Item = &'a Recorded>) -> Result<(), FoldError> {
        events.into_iter().try_for_each(|event| self.0.fold::<F>(event))
    }

    /// The rows by now, in the same order, before it goes on.
    pub fn rows(&self) -> impl Iterator<Item = &Stamped<F::Row>> {
        self.0.iter()
    }

    /// The rows by now, in the order of their keys.
    pub fn into_rows(self) -> Vec<Box<Stamped<F::Row>>> {
        self.0.into_vec()
    }
}

/// The rows of `F` after the given events, in the order of their keys.
pub fn fold_until<'a, F: Fold>(events: impl IntoIterator<Item = &'a Recorded>) -> Result<Vec<Stamped<F::Row>>, FoldError> {
    let mut past = Past::<F>::default();
    past.fold(events)?;
    Ok(past.into_rows().into_iter().map(|row| *row).collect())
}
