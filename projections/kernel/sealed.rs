//! How does a person's data stand in a row? Sealed, with a keyed hash beside it where it must be found.

use std::fmt;
use std::marker::PhantomData;

use anamnesis_domain::Identifier;
use anamnesis_vault as vault;
use anamnesis_vault::{ColumnContext, Context, IndexKeys, OpenError, OpenKeys, Opened, bytea, from_hex};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use uuid::Uuid;

use crate::kernel::column::{Class, Column, Place};

/// A value that is sealed wherever it is stored. A fold sets it and seldom reads it; a reader opens it first.
///
/// `By` says whose key seals it, the row's subject's or the organization's audit key, and how much of it clients are shown.
pub struct Sealed<T, By = BySubject>(State<T>, PhantomData<fn() -> By>);

#[derive(Clone)]
enum State<T> {
    /// Set by a fold; sealed when it is written.
    New(T),
    /// As it stands in the table.
    Stored(vault::Sealed),
    /// As it stands in the table, and what it says.
    Opened(vault::Sealed, T),
    /// As it stands in the table; its key is gone.
    Erased(vault::Sealed),
}

/// Whose key seals a column.
pub trait Sealer<T>: Send + Sync + 'static {
    /// Whether it is the organization's audit key, which outlives every erasure.
    const AUDIT: bool;

    /// What clients are shown of a value.
    fn show<S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
    {
        value.serialize(to)
    }
}

/// Sealed under the key of the row's subject.
pub struct BySubject;
/// Sealed under the key of the row's subject, and shown to clients masked.
pub struct Masked;
/// Sealed under the key of the row's subject, and shown to clients with a person's own numbers masked.
pub struct PersonalMasked;
/// Sealed under the organization's audit key.
pub struct ForAudit;

impl<T> Sealer<T> for BySubject {
    const AUDIT: bool = false;
}
impl Sealer<Vec<Identifier>> for Masked {
    const AUDIT: bool = false;

    fn show<S: Serializer>(identifiers: &Vec<Identifier>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(identifiers.iter().map(Identifier::masked))
    }
}
impl Sealer<Vec<Identifier>> for PersonalMasked {
    const AUDIT: bool = false;

    fn show<S: Serializer>(identifiers: &Vec<Identifier>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(identifiers.iter().map(Identifier::masked_if_personal))
    }
}
impl<T> Sealer<T> for ForAudit {
    const AUDIT: bool = true;
}

impl<T, By> Sealed<T, By> {
    /// A value to be sealed when the row is written.
    pub fn new(value: T) -> Self {
        Self(State::New(value), PhantomData)
    }

    /// What it says. `None`: it wasn't opened, or its key is gone ([`Sealed::is_erased`] tells).
    pub fn get(&self) -> Option<&T> {
        match &self.0 {
            State::New(value) | State::Opened(_, value) => Some(value),
            State::Stored(_) | State::Erased(_) => None,
        }
    }

    /// Whether its key is gone, so that nobody can open it any more.
    pub fn is_erased(&self) -> bool {
        matches!(self.0, State::Erased(_))
    }

    /// Changes what it says, if it can be known (a fold names such a column in `OPENED`).
    pub fn change(&mut self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        if let Some(mut value) = self.get().cloned() {
            change(&mut value);
            self.0 = State::New(value);
        }
    }

    fn stored(&self) -> Option<&vault::Sealed> {
        match &self.0 {
            State::New(_) => None,
            State::Stored(sealed) | State::Opened(sealed, _) | State::Erased(sealed) => Some(sealed),
        }
    }
}

/// A value that is sealed, if there is one.
pub(crate) fn seal<T: Clone, By>(value: Option<&T>) -> Option<Sealed<T, By>> {
    value.cloned().map(Sealed::new)
}

/// A list that is sealed, if there is anything in it.
pub(crate) fn seal_list<T: Clone, By>(list: &[T]) -> Option<Sealed<Vec<T>, By>> {
    if list.is_empty() { None } else { Some(Sealed::new(list.to_vec())) }
}

impl<T: Clone, By> Clone for Sealed<T, By> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

/// Equal when they say the same, or, unopened, when they are the same bytes.
impl<T: PartialEq, By> PartialEq for Sealed<T, By> {
    fn eq(&self, other: &Self) -> bool {
        match (self.get(), other.get()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.stored() == other.stored(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl<T, By> fmt::Debug for Sealed<T, By> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// What the engine does with a sealed value without knowing what is in it.
pub trait SealedCell {
    /// Whether the organization's audit key seals it.
    fn for_audit(&self) -> bool;
    /// Opens it, or finds it erased.
    fn open(&mut self, keys: &OpenKeys, context: &Context) -> Result<(), OpenError>;
}

impl<T: Sealable, By: Sealer<T>> SealedCell for Sealed<T, By> {
    fn for_audit(&self) -> bool {
        By::AUDIT
    }

    fn open(&mut self, keys: &OpenKeys, context: &Context) -> Result<(), OpenError> {
        if let State::Stored(sealed) = &self.0 {
            self.0 = match keys.open(context, sealed)? {
                Opened::Value(bytes) => {
                    State::Opened(sealed.clone(), serde_json::from_slice(&bytes).map_err(|_| OpenError::Malformed("it isn't what the column holds"))?)
                }
                Opened::Erased => State::Erased(sealed.clone()),
            };
        }
        Ok(())
    }
}

/// What may be sealed: it is stored as JSON.
pub trait Sealable: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static> Sealable for T {}

impl<T: Sealable, By: Sealer<T>> Column for Sealed<T, By> {
    const SQL: &'static str = "bytea";
    const CLASS: Class = Class::Sealed;

    /// What was stored and not changed stays byte for byte.
    fn write(&self, place: &Place<'_>) -> Option<String> {
        match &self.0 {
            State::New(value) => {
                let key = place.row.key(By::AUDIT)?;
                Some(bytea(key.seal(&place.context(By::AUDIT), &json(value)).as_bytes()))
            }
            State::Stored(sealed) | State::Opened(sealed, _) | State::Erased(sealed) => Some(bytea(sealed.as_bytes())),
        }
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        let sealed = vault::Sealed::from_stored(from_hex(cell?)?).ok()?;
        Some(Self(State::Stored(sealed), PhantomData))
    }

    fn plain(&self) -> Option<Vec<u8>> {
        self.get().map(json)
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.get() {
            Some(value) => By::show(value, to),
            None => to.serialize_none(),
        }
    }

    fn is_erased(&self) -> bool {
        Sealed::is_erased(self)
    }

    fn key_id(&self) -> Option<Uuid> {
        match &self.0 {
            State::Stored(sealed) => Some(sealed.key_id()),
            State::New(_) | State::Opened(..) | State::Erased(_) => None,
        }
    }

    fn sealed(&mut self) -> Option<&mut dyn SealedCell> {
        Some(self)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("what the domain keeps can be written as JSON")
}

impl Place<'_> {
    fn context(&self, audit: bool) -> Context {
        column_context(
            self.row.table,
            self.column,
            &self.row.key_bytes,
            self.row.organization,
            if audit { self.row.organization } else { self.row.subject },
        )
    }
}

/// The place that a column's value is bound to.
pub fn column_context(table: &str, column: &str, row_key: &[u8], organization: Uuid, subject: Uuid) -> Context {
    Context::column(&ColumnContext { organization, table, column, row_key, subject })
}

/// A keyed hash of a value, to find it by; the engine computes it when the row is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Blind(Hash);

#[derive(Clone, PartialEq, Eq)]
enum Hash {
    Of(String),
    Stored([u8; 16]),
}

impl Blind {
    /// The hash of a value that is normalised already (case, blanks, punctuation): equal values must be equal bytes.
    pub fn of(normalised: impl Into<String>) -> Self {
        Self(Hash::Of(normalised.into()))
    }
}

/// The hash under which a value stands in a column named `<what>_index`: `patients.patient_number` for `patient_number_index`.
pub fn blind_index(keys: &IndexKeys, table: &str, column: &str, normalised: &str) -> [u8; 16] {
    keys.blind(&format!("{table}.{}", column.strip_suffix("_index").unwrap_or(column)), normalised)
}

impl fmt::Debug for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blind(..)")
    }
}

impl Column for Blind {
    const SQL: &'static str = "bytea";
    const CLASS: Class = Class::Blind;

    fn write(&self, place: &Place<'_>) -> Option<String> {
        let hash = match &self.0 {
            Hash::Of(value) => blind_index(&place.row.keys.index, place.row.table, place.column, value),
            Hash::Stored(hash) => *hash,
        };
        Some(bytea(&hash))
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        let hash = from_hex(cell?)?;
        Some(Self(Hash::Stored(hash.try_into().ok()?)))
    }

    fn plain(&self) -> Option<Vec<u8>> {
        Some(match &self.0 {
            Hash::Of(value) => value.clone().into_bytes(),
            Hash::Stored(hash) => hash.to_vec(),
        })
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_none()
    }
}
