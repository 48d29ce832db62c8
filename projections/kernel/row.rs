//! How is a row declared, once?

use anamnesis_domain::{Instant, Recorded};
use anamnesis_vault::{DataKey, IndexKeys, KeyOwner, Purpose};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::clear::Clear;
use crate::kernel::column::{Class, Column};
use crate::kernel::key::Key;
use crate::kernel::sealed::SealedCell;

/// One line of a table, as a struct. Declared with the macro `row!`.
pub trait Row: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// What the engine needs to know of its table.
    const TABLE: TableInfo;

    /// Its key.
    fn key(&self) -> Key;
    /// Its columns as Postgres reads them, in the order of the declaration, sealed for their place.
    fn write(&self, place: &RowPlace<'_>) -> Vec<Option<String>>;
    /// Takes back what [`Row::write`] wrote, as it was selected.
    fn read(cells: &[Option<String>]) -> Result<Self, Unreadable>;
    /// What its columns say, unsealed.
    fn plain(&self) -> Vec<(&'static str, Option<Vec<u8>>)>;
    /// What its columns say to a client, by their names; without the keyed hashes.
    fn show<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error>;
    /// The same of one column. `None`: there is none of that name, or it is a keyed hash.
    fn cell(&self, column: &str) -> Option<Value>;
    /// As [`Column::ordinal`], of one column.
    fn ordinal(&self, column: &str) -> Option<i64>;
    /// Whether any of what it said can never be read again.
    fn is_erased(&self) -> bool;
    /// The keys that open what stands in it sealed.
    fn key_ids(&self) -> Vec<Uuid>;
    /// Its sealed values, by column.
    fn sealed(&mut self) -> Vec<(&'static str, &mut dyn SealedCell)>;
}

/// A table: its name and columns. What every table has besides stands in [`STAMP`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableInfo {
    /// Its name, without a schema.
    pub name: &'static str,
    /// The columns that the row declares, in its order.
    pub columns: &'static [ColumnInfo],
    /// The columns of the primary key.
    pub key: &'static [&'static str],
}

impl TableInfo {
    /// Every column, the stamp's first.
    pub fn all_columns(&self) -> impl Iterator<Item = &'static ColumnInfo> {
        STAMP.iter().chain(self.columns)
    }
}

/// A column as its row declares it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ColumnInfo {
    /// Its name.
    pub name: &'static str,
    /// Its Postgres type.
    pub sql: &'static str,
    /// Whether it may be null.
    pub nullable: bool,
    /// How it keeps what it says.
    pub class: Class,
}

impl ColumnInfo {
    /// The column of that name and Rust type.
    pub const fn of<C: Column>(name: &'static str) -> Self {
        Self { name, sql: C::SQL, nullable: C::NULLABLE, class: C::CLASS }
    }
}

/// The columns that every table begins with.
pub const STAMP: &[ColumnInfo] = &[
    ColumnInfo::of::<Uuid>("organization_id"),
    ColumnInfo::of::<Uuid>("subject_id"),
    ColumnInfo::of::<u64>("position"),
    ColumnInfo::of::<u64>("sequence"),
    ColumnInfo::of::<Instant>("created_at"),
    ColumnInfo::of::<Instant>("updated_at"),
];

/// Where a row came from: kept by the kernel, the same for every table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The tenant.
    pub organization_id: Uuid,
    /// Whose key seals the row.
    pub subject_id: Uuid,
    /// The last event that touched the row, in the log.
    pub position: u64,
    /// The same event, in its stream.
    pub sequence: u64,
    /// When the row's first event was logged.
    pub created_at: Instant,
    /// When its last event was logged.
    pub updated_at: Instant,
}

impl Stamp {
    pub(crate) fn first(event: &Recorded) -> Self {
        Self {
            organization_id: event.organization_id,
            subject_id: event.subject_id,
            position: event.position,
            sequence: event.sequence,
            created_at: event.logged_at,
            updated_at: event.logged_at,
        }
    }

    /// Whose key seals the row: what belongs to the organization itself stands under its audit key.
    pub fn owner(&self) -> KeyOwner {
        if self.subject_id == self.organization_id {
            KeyOwner::organization(self.organization_id, Purpose::Audit)
        } else {
            KeyOwner::data(self.organization_id, self.subject_id)
        }
    }

    pub(crate) fn cells(&self) -> [String; 6] {
        [
            self.organization_id.text(),
            self.subject_id.text(),
            self.position.text(),
            self.sequence.text(),
            self.created_at.text(),
            self.updated_at.text(),
        ]
    }

    pub(crate) fn read(cells: &[Option<String>]) -> Option<Self> {
        let [Some(organization), Some(subject), Some(position), Some(sequence), Some(created), Some(updated)] = cells else {
            return None;
        };
        Some(Self {
            organization_id: organization.parse().ok()?,
            subject_id: subject.parse().ok()?,
            position: position.parse().ok()?,
            sequence: sequence.parse().ok()?,
            created_at: Instant::parse(created)?,
            updated_at: Instant::parse(updated)?,
        })
    }
}

/// A row with its stamp.
#[derive(Clone, PartialEq)]
pub struct Stamped<R> {
    /// Where it came from.
    pub stamp: Stamp,
    /// What it says.
    pub row: R,
}

impl<R: Row> Stamped<R> {
    /// Takes a row back as it was selected: the stamp's columns, then its own.
    pub fn read(cells: &[Option<String>]) -> Result<Self, Unreadable> {
        let unreadable = Unreadable { table: R::TABLE.name, column: "stamp" };
        let (stamp, own) = cells.split_at_checked(STAMP.len()).ok_or(unreadable)?;
        Ok(Self { stamp: Stamp::read(stamp).ok_or(unreadable)?, row: R::read(own)? })
    }

    /// The row as Postgres reads it.
    pub fn write(&self, keys: &RowKeys) -> Vec<Option<String>> {
        let place = RowPlace {
            table: R::TABLE.name,
            organization: self.stamp.organization_id,
            subject: self.stamp.subject_id,
            key_bytes: self.row.key().bytes(),
            keys,
        };
        let mut cells = self.stamp.cells().map(Some).to_vec();
        cells.extend(self.row.write(&place));
        cells
    }

    /// What a client is told of the row: its columns, and the last event that touched it. The same from a table as from
    /// a fold, byte for byte. What was erased is null, and `erased` says so.
    pub fn json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(json)) => json,
            Ok(_) | Err(_) => unreachable!("a row is shown as a map, and all that stands in one can be written as JSON"),
        }
    }

    /// What a client is told in one column. `None`: there is none of that name, or it isn't for clients.
    pub fn cell(&self, column: &str) -> Option<Value> {
        match column {
            "sequence" => Some(self.stamp.sequence.into()),
            "position" => Some(self.stamp.position.into()),
            "created_at" => serde_json::to_value(self.stamp.created_at).ok(),
            "updated_at" => serde_json::to_value(self.stamp.updated_at).ok(),
            own => self.row.cell(own),
        }
    }

    /// What the row stands in the order of, if that is this column: its time in microseconds, or its number.
    pub fn ordinal(&self, column: &str) -> Option<i64> {
        match column {
            "sequence" => Column::ordinal(&self.stamp.sequence),
            "position" => Column::ordinal(&self.stamp.position),
            "created_at" => Column::ordinal(&self.stamp.created_at),
            "updated_at" => Column::ordinal(&self.stamp.updated_at),
            own => self.row.ordinal(own),
        }
    }
}

/// As [`Stamped::json`].
impl<R: Row> Serialize for Stamped<R> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        self.row.show(&mut map)?;
        map.serialize_entry("sequence", &self.stamp.sequence)?;
        map.serialize_entry("position", &self.stamp.position)?;
        map.serialize_entry("created_at", &self.stamp.created_at)?;
        map.serialize_entry("updated_at", &self.stamp.updated_at)?;
        if self.row.is_erased() {
            map.serialize_entry("erased", &true)?;
        }
        map.end()
    }
}

/// Says where the row is from, not what is in it.
impl<R> std::fmt::Debug for Stamped<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a row of position {}", self.stamp.position)
    }
}

/// The keys that one row is written with.
#[derive(Clone)]
pub struct RowKeys {
    /// The subject's; none once it was erased: what it would have sealed is not written.
    pub subject: Option<DataKey>,
    /// The organization's audit key.
    pub audit: DataKey,
    /// The organization's keys for blind indexes.
    pub index: IndexKeys,
}

/// Where a row stands.
pub struct RowPlace<'a> {
    /// Its table, without a schema.
    pub table: &'static str,
    /// The tenant.
    pub organization: Uuid,
    /// Whose key seals it.
    pub subject: Uuid,
    /// Its key in binary.
    pub key_bytes: Vec<u8>,
    /// What it is written with.
    pub keys: &'a RowKeys,
}

impl RowPlace<'_> {
    pub(crate) fn key(&self, audit: bool) -> Option<&DataKey> {
        if audit { Some(&self.keys.audit) } else { self.keys.subject.as_ref() }
    }
}

/// A row in a table that isn't what the program wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a row of {table} can't be read at {column}: rebuild the projection")]
pub struct Unreadable {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
}

/// Declares a row: the table it stands in, the columns of its key, and its columns in the table's order.
///
/// `Debug` says the table only, because rows are about people.
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident in $table:literal key ($($key:ident),+) {
        $($column:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        #[expect(missing_docs, reason = "the columns are named as in the table")]
        pub struct $name {
            $(pub $column: $type,)+
        }

        impl $crate::kernel::Row for $name {
            const TABLE: $crate::kernel::TableInfo = $crate::kernel::TableInfo {
                name: $table,
                columns: &[$($crate::kernel::ColumnInfo::of::<$type>(stringify!($column)),)+],
                key: &[$(stringify!($key)),+],
            };

            fn key(&self) -> $crate::kernel::Key {
                vec![$(self.$key.into()),+].into()
            }

            fn write(&self, row: &$crate::kernel::RowPlace<'_>) -> Vec<Option<String>> {
                vec![$($crate::kernel::Column::write(&self.$column, &$crate::kernel::Place { row, column: stringify!($column) }),)+]
            }

            fn read(cells: &[Option<String>]) -> Result<Self, $crate::kernel::Unreadable> {
                let mut cells = cells.iter();
                Ok(Self {
                    $($column: cells
                        .next()
                        .and_then(|cell| $crate::kernel::Column::read(cell.as_deref()))
                        .ok_or($crate::kernel::Unreadable { table: $table, column: stringify!($column) })?,)+
                })
            }

            fn plain(&self) -> Vec<(&'static str, Option<Vec<u8>>)> {
                vec![$((stringify!($column), $crate::kernel::Column::plain(&self.$column)),)+]
            }

            fn show<M: serde::ser::SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
                $(if <$type as $crate::kernel::Column>::CLASS != $crate::kernel::Class::Blind {
                    to.serialize_entry(stringify!($column), &$crate::kernel::Shown(&self.$column))?;
                })+
                Ok(())
            }

            fn cell(&self, column: &str) -> Option<serde_json::Value> {
                match column {
                    $(stringify!($column) if <$type as $crate::kernel::Column>::CLASS != $crate::kernel::Class::Blind => {
                        serde_json::to_value($crate::kernel::Shown(&self.$column)).ok()
                    })+
                    _ => None,
                }
            }

            fn ordinal(&self, column: &str) -> Option<i64> {
                match column {
                    $(stringify!($column) => $crate::kernel::Column::ordinal(&self.$column),)+
                    _ => None,
                }
            }

            fn is_erased(&self) -> bool {
                [$($crate::kernel::Column::is_erased(&self.$column),)+].contains(&true)
            }

            fn key_ids(&self) -> Vec<uuid::Uuid> {
                [$($crate::kernel::Column::key_id(&self.$column),)+].into_iter().flatten().collect()
            }

            fn sealed(&mut self) -> Vec<(&'static str, &mut dyn $crate::kernel::SealedCell)> {
                [$((stringify!($column), $crate::kernel::Column::sealed(&mut self.$column)),)+]
                    .into_iter()
                    .filter_map(|(name, cell)| cell.map(|cell| (name, cell)))
                    .collect()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!("a row of ", $table))
            }
        }
    };
}
pub(crate) use row;
