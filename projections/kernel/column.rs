//! What may stand in a column, and how is it written?

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::kernel::row::RowPlace;
use crate::kernel::sealed::SealedCell;

/// How a column keeps what it says. `docs/data-classes.toml` names the class of every column, and a test compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// In the clear: operational, or a clinical index.
    Clear,
    /// Sealed under a key.
    Sealed,
    /// A keyed hash, to find what is sealed beside it.
    Blind,
}

/// A Rust type that may stand in a row.
pub trait Column: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// The Postgres type.
    const SQL: &'static str;
    /// Whether it may be null.
    const NULLABLE: bool = false;
    /// How it is kept.
    const CLASS: Class = Class::Clear;

    /// As Postgres reads it; `None` is null. Sealed and hashed for the place where it stands.
    fn write(&self, place: &Place<'_>) -> Option<String>;

    /// Takes back what was selected (times as microseconds, arrays as JSON, bytes as hex). `None`: it isn't one.
    fn read(cell: Option<&str>) -> Option<Self>;

    /// What it says, unsealed, for digests and tests; `None` is null or erased.
    fn plain(&self) -> Option<Vec<u8>>;

    /// What it says to a client: null when it is absent or erased. A keyed hash isn't for clients, and never asked.
    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;

    /// What rows stand in the order of: a time in microseconds, or the number itself.
    fn ordinal(&self) -> Option<i64> {
        None
    }

    /// Whether what it said can never be read again.
    fn is_erased(&self) -> bool {
        false
    }

    /// The key that opens it, if it stands there sealed.
    fn key_id(&self) -> Option<Uuid> {
        None
    }

    /// The sealed value in it.
    fn sealed(&mut self) -> Option<&mut dyn SealedCell> {
        None
    }
}

/// A column's value as a client is shown it.
pub(crate) struct Shown<'a, C>(pub(crate) &'a C);

impl<C: Column> Serialize for Shown<'_, C> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.show(to)
    }
}

/// Where a column's value stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The row.
    pub row: &'a RowPlace<'a>,
    /// The column.
    pub column: &'static str,
}

impl<T: Column> Column for Option<T> {
    const SQL: &'static str = T::SQL;
    const NULLABLE: bool = true;
    const CLASS: Class = T::CLASS;

    fn write(&self, place: &Place<'_>) -> Option<String> {
        self.as_ref().and_then(|value| value.write(place))
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        match cell {
            None => Some(None),
            Some(_) => T::read(cell).map(Some),
        }
    }

    fn plain(&self) -> Option<Vec<u8>> {
        self.as_ref().and_then(T::plain)
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.show(to),
            None => to.serialize_none(),
        }
    }

    fn ordinal(&self) -> Option<i64> {
        self.as_ref().and_then(T::ordinal)
    }

    fn is_erased(&self) -> bool {
        self.as_ref().is_some_and(T::is_erased)
    }

    fn key_id(&self) -> Option<Uuid> {
        self.as_ref().and_then(T::key_id)
    }

    fn sealed(&mut self) -> Option<&mut dyn SealedCell> {
        self.as_mut().and_then(T::sealed)
    }
}
