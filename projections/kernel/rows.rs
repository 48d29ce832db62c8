//! What do the touched rows look like while a batch is folded?

use std::collections::BTreeMap;

use anamnesis_domain::Recorded;

use crate::kernel::fold::{Fold, FoldError};
use crate::kernel::key::Key;
use crate::kernel::row::{Row, Stamp, Stamped};

/// Rows in memory: those that were loaded, and those that the fold has made since.
pub struct Rows<R> {
    slots: BTreeMap<Key, Slot<R>>,
    /// The event being applied, and the rows it may touch.
    now: Option<(Stamp, Vec<Key>)>,
    strayed: bool,
}

struct Slot<R> {
    /// On the heap by itself: the map moves what is in it.
    row: Option<Box<Stamped<R>>>,
    /// It stands in the table, so removing it means deleting it there.
    stored: bool,
    changed: bool,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), now: None, strayed: false }
    }
}

impl<R: Row> Rows<R> {
    /// Makes a row, or puts another in its place.
    pub fn put(&mut self, row: R) {
        let key = row.key();
        if let Some(now) = self.now_at(&key) {
            let slot = self.slots.entry(key).or_insert(Slot { row: None, stored: false, changed: true });
            let stamp =
                slot.row.as_ref().map_or(now, |before| Stamp { created_at: before.stamp.created_at, subject_id: before.stamp.subject_id, ..now });
            (slot.row, slot.changed) = (Some(Box::new(Stamped { stamp, row })), true);
        }
    }

    /// Changes a row, if it is there: after an erasure it may not be.
    pub fn change(&mut self, key: impl Into<Key>, change: impl FnOnce(&mut R)) {
        let key = key.into();
        if let Some(now) = self.now_at(&key)
            && let Some(slot) = self.slots.get_mut(&key)
            && let Some(stamped) = &mut slot.row
        {
            change(&mut stamped.row);
            stamped.stamp = Stamp { created_at: stamped.stamp.created_at, subject_id: stamped.stamp.subject_id, ..now };
            slot.changed = true;
        }
    }

    /// Takes a row away, if it is there.
    pub fn remove(&mut self, key: impl Into<Key>) {
        let key = key.into();
        if self.now_at(&key).is_some()
            && let Some(slot) = self.slots.get_mut(&key)
        {
            (slot.row, slot.changed) = (None, true);
        }
    }

    /// The row as it is by now.
    pub fn get(&self, key: impl Into<Key>) -> Option<&R> {
        self.slots.get(&key.into()).and_then(|slot| slot.row.as_ref()).map(|stamped| &stamped.row)
    }

    fn now_at(&mut self, key: &Key) -> Option<Stamp> {
        match &self.now {
            Some((now, keys)) if keys.contains(key) => Some(*now),
            Some(_) | None => {
                self.strayed = true;
                None
            }
        }
    }

    /// Applies one event.
    pub(crate) fn fold<F: Fold<Row = R>>(&mut self, event: &Recorded) -> Result<(), FoldError> {
        if !F::STREAMS.include(event.aggregate_type) {
            return Ok(());
        }
        self.now = Some((Stamp::first(event), F::keys(event)));
        F::apply(self, event);
        self.now = None;
        if self.strayed { Err(FoldError { table: R::TABLE.name, position: event.position }) } else { Ok(()) }
    }

    /// Takes in a row that stands in the table.
    pub(crate) fn load(&mut self, row: Stamped<R>) {
        self.slots.insert(row.row.key(), Slot { row: Some(Box::new(row)), stored: true, changed: false });
    }

    /// What has become of the rows that were changed; `None`: it is to be deleted.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&Key, Option<&Stamped<R>>)> {
        self.slots.iter().filter(|(_, slot)| slot.changed && (slot.stored || slot.row.is_some())).map(|(key, slot)| (key, slot.row.as_deref()))
    }

    /// Every row there is.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stamped<R>> {
        self.slots.values_mut().filter_map(|slot| slot.row.as_deref_mut())
    }

    pub(crate) fn stamped(&self, key: &Key) -> Option<&Stamped<R>> {
        self.slots.get(key).and_then(|slot| slot.row.as_deref())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stamped<R>> {
        self.slots.values().filter_map(|slot| slot.row.as_deref())
    }

    pub(crate) fn into_vec(self) -> Vec<Box<Stamped<R>>> {
        self.slots.into_values().filter_map(|slot| slot.row).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }
}
