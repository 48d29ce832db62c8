//! What is a projection? A pure fold from events to rows, and the tables those rows stand in.
//!
//! A [`Fold`] says which rows an event touches and what becomes of them. Everything else is the same for all of them and
//! stands here: how a row is declared ([`row!`]), how it becomes text for Postgres, what of it is sealed, and how a
//! batch of events is folded in memory. Nothing here does I/O: the same fold runs live, in a rebuild, as of an instant
//! and in a test.

mod arrays;
mod clear;
mod column;
mod fold;
mod key;
mod projection;
mod row;
mod rows;
mod sealed;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use clear::{Clear, serde_text, text_columns};
pub(crate) use column::Shown;
pub use column::{Class, Column, Place};
pub use fold::{Fold, FoldError, Past, Streams, fold_until};
pub use key::{Key, KeyPart};
pub use projection::{AnyRows, AtPoison, Change, Follows, Of, Projection, Schema, Table};
pub(crate) use row::row;
pub use row::{ColumnInfo, Row, RowKeys, RowPlace, STAMP, Stamp, Stamped, TableInfo, Unreadable};
pub use rows::Rows;
pub use sealed::{Blind, BySubject, ForAudit, Masked, PersonalMasked, Sealable, Sealed, SealedCell, Sealer, blind_index, column_context};
pub(crate) use sealed::{seal, seal_list};
