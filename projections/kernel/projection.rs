//! What does the engine see of a projection, without knowing its rows?

use std::marker::PhantomData;

use anamnesis_domain::{REGISTRY, Recorded};
use anamnesis_vault::{DataKey, KeyOwner, OpenError, OpenKeys, row_digest};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::column::Class;
use crate::kernel::fold::{Fold, FoldError, Streams};
use crate::kernel::key::Key;
use crate::kernel::row::{Row, RowKeys, STAMP, Stamp, Stamped, TableInfo, Unreadable};
use crate::kernel::rows::Rows;
use crate::kernel::sealed::column_context;

/// A read model: its tables, and the folds that fill them. One folder, one checkpoint.
pub struct Projection {
    /// Its name: the folder's, and the checkpoint's.
    pub name: &'static str,
    /// Where its tables stand.
    pub schema: Schema,
    /// Where its events come from.
    pub follows: Follows,
    /// Its tables as they are now, with policies and indexes. What stands after the line `-- once the rows are there`
    /// is run when a rebuild has filled the tables.
    pub sql: &'static str,
    /// To be raised when the tables change, or what the fold makes of the same events: the read model is built anew then, and
    /// programs with a lower one leave it alone. `definitions.txt` has all that there were.
    pub version: u32,
    /// Its tables.
    pub tables: &'static [&'static dyn Table],
}

/// Which kind of read model it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schema {
    /// As things are now: rows change.
    Read,
    /// What was done: rows are only added.
    Audit,
}

/// Where a projection's events come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follows {
    /// The log, always: what decides access, and what was done. Kafka's lag mustn't delay either.
    Log,
    /// Its aggregates' topics, where there is a Kafka; otherwise the log.
    Topics,
}

/// What becomes of a projection at an event that can't be opened, decoded or applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtPoison {
    /// The event's stream is parked, the others go on.
    ParksTheStream,
    /// It stands still until the event is mended, or left out by somebody who says why.
    StandsStill,
    /// It stands still until the event is mended: what a left out event took away would go on being allowed.
    StandsStillForGood,
}

/// The line of a `table.sql` after which stands what a rebuild runs once it has filled the tables.
const ONCE_FILLED: &str = "-- once the rows are there\n";

impl Projection {
    /// What makes the tables.
    pub fn tables_sql(&self) -> &'static str {
        self.sql.split_once(ONCE_FILLED).map_or(self.sql, |(tables, _)| tables)
    }

    /// What makes their indexes, policies and grants.
    pub fn guards_sql(&self) -> &'static str {
        self.sql.split_once(ONCE_FILLED).map_or("", |(_, guards)| guards)
    }

    /// Whose events fill its tables.
    pub fn aggregate_types(&self) -> Vec<&'static str> {
        REGISTRY.iter().map(|aggregate| aggregate.name).filter(|name| self.takes(name)).collect()
    }

    /// What becomes of it at an event that it can't take: a gap in what was done, or in what is allowed, must not be passed
    /// over in silence.
    pub fn at_poison(&self) -> AtPoison {
        match (self.follows, self.schema) {
            (Follows::Topics, _) => AtPoison::ParksTheStream,
            (Follows::Log, Schema::Audit) => AtPoison::StandsStill,
            (Follows::Log, Schema::Read) => AtPoison::StandsStillForGood,
        }
    }

    /// Whether an event of that aggregate touches any of its tables.
    pub fn takes(&self, aggregate_type: &str) -> bool {
        self.tables.iter().any(|table| table.streams().include(aggregate_type))
    }
}

impl Schema {
    /// The Postgres schema.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Audit => "audit",
        }
    }
}

/// A table and its fold.
pub trait Table: Send + Sync {
    /// Its name and columns.
    fn info(&self) -> TableInfo;
    /// Whose events fill it.
    fn streams(&self) -> Streams;
    /// Which rows an event touches.
    fn keys(&self, event: &Recorded) -> Vec<Key>;
    /// No rows yet.
    fn rows(&self) -> Box<dyn AnyRows>;
}

/// Rows of one table while a batch is folded.
pub trait AnyRows: Send + Sync {
    /// Takes in a row as it was selected: the stamp's columns, then its own.
    fn load(&mut self, cells: &[Option<String>]) -> Result<(), Unreadable>;
    /// Applies one event.
    fn fold(&mut self, event: &Recorded) -> Result<(), FoldError>;
    /// The rows that the events have changed.
    fn changes(&self) -> Vec<Change>;
    /// A row as Postgres reads it, if it is there.
    fn cells(&self, key: &Key, keys: &RowKeys) -> Option<Vec<Option<String>>>;
    /// Whether the fold reads what is sealed, so that [`AnyRows::open`] comes before it.
    fn reads_sealed(&self) -> bool;
    /// The keys that open what is still sealed.
    fn key_ids(&self) -> Vec<Uuid>;
    /// Opens of every row what the fold reads, or all of it.
    fn open(&mut self, keys: &OpenKeys, all: bool) -> Result<(), OpenError>;
    /// Every row's stamp, with its key.
    fn stamps(&self) -> Vec<(Key, Stamp)>;
    /// What a row says in the clear, if it is there; sealed columns needn't be opened.
    fn clear_json(&self, key: &Key) -> Option<Map<String, Value>>;
    /// The digest of an opened row.
    fn digest(&self, key: &Key, digest_key: &DataKey) -> Option<[u8; 32]>;
    /// Forgets every row.
    fn clear(&mut self);
}

/// A row that was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its key.
    pub key: Key,
    /// Whose key seals it, and so its tenant; `None`: the row is to be deleted.
    pub owner: Option<KeyOwner>,
}

/// A [`Fold`] as a [`Table`].
pub struct Of<F>(PhantomData<fn() -> F>);

impl<F> Of<F> {
    /// The table of the fold.
    pub const TABLE: Self = Self(PhantomData);
}

impl<F: Fold> Table for Of<F> {
    fn info(&self) -> TableInfo {
        F::Row::TABLE
    }

    fn streams(&self) -> Streams {
        F::STREAMS
    }

    fn keys(&self, event: &Recorded) -> Vec<Key> {
        if F::STREAMS.include(event.aggregate_type) { F::keys(event) } else { Vec::new() }
    }

    fn rows(&self) -> Box<dyn AnyRows> {
        Box::new(Folded::<F>(Rows::default()))
    }
}

struct Folded<F: Fold>(Rows<F::Row>);

impl<F: Fold> AnyRows for Folded<F> {
    fn load(&mut self, cells: &[Option<String>]) -> Result<(), Unreadable> {
        self.0.load(Stamped::read(cells)?);
        Ok(())
    }

    fn fold(&mut self, event: &Recorded) -> Result<(), FoldError> {
        self.0.fold::<F>(event)
    }

    fn changes(&self) -> Vec<Change> {
        self.0.changes().map(|(key, row)| Change { key: key.clone(), owner: row.map(|row| row.stamp.owner()) }).collect()
    }

    fn cells(&self, key: &Key, keys: &RowKeys) -> Option<Vec<Option<String>>> {
        self.0.stamped(key).map(|row| row.write(keys))
    }

    fn key_ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<_> = self.0.iter().flat_map(|row| row.row.key_ids()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn reads_sealed(&self) -> bool {
        !F::OPENED.is_empty()
    }

    fn open(&mut self, keys: &OpenKeys, all: bool) -> Result<(), OpenError> {
        self.0.iter_mut().try_for_each(|row| row.open_columns(keys, |column| all || F::OPENED.contains(&column)))
    }

    fn stamps(&self) -> Vec<(Key, Stamp)> {
        self.0.iter().map(|row| (row.row.key(), row.stamp)).collect()
    }

    fn clear_json(&self, key: &Key) -> Option<Map<String, Value>> {
        let row = &self.0.stamped(key)?.row;
        let clear = F::Row::TABLE.columns.iter().filter(|column| column.class == Class::Clear);
        Some(clear.filter_map(|column| Some((column.name.to_owned(), row.cell(column.name)?))).collect())
    }

    fn digest(&self, key: &Key, digest_key: &DataKey) -> Option<[u8; 32]> {
        let row = self.0.stamped(key)?;
        let plain = row.plain();
        let columns: Vec<_> = plain.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        Some(row_digest(digest_key, F::Row::TABLE.name, &key.bytes(), &columns))
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

impl<R: Row> Stamped<R> {
    /// Opens every sealed column, or finds it erased.
    pub fn open(&mut self, keys: &OpenKeys) -> Result<(), OpenError> {
        self.open_columns(keys, |_| true)
    }

    fn open_columns(&mut self, keys: &OpenKeys, wanted: impl Fn(&str) -> bool) -> Result<(), OpenError> {
        let Stamp { organization_id, subject_id, .. } = self.stamp;
        let key = self.row.key().bytes();
        for (column, cell) in self.row.sealed().into_iter().filter(|(column, _)| wanted(column)) {
            let subject = if cell.for_audit() { organization_id } else { subject_id };
            cell.open(keys, &column_context(R::TABLE.name, column, &key, organization_id, subject))?;
        }
        Ok(())
    }

    /// What the row says, unsealed, its stamp's columns first.
    pub fn plain(&self) -> Vec<(&'static str, Option<Vec<u8>>)> {
        let stamp = STAMP.iter().zip(self.stamp.cells()).map(|(column, cell)| (column.name, Some(cell.into_bytes())));
        stamp.chain(self.row.plain()).collect()
    }
}
