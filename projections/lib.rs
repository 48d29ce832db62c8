//! What do people ask for, and how is it answered? Read models: one folder each, a pure fold and its tables.
//!
//! Everything here can be computed again from the log. This crate can't append: it doesn't know the journal. It does no
//! I/O either; `crates/projector` runs it.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

pub mod consents;
pub mod kernel;

use kernel::Projection;

/// Every projection, by folder; a test compares it with the folders.
pub const ALL: &[&Projection] = &[&consents::CONSENTS];

/// The projection of that name.
pub fn find(name: &str) -> Option<&'static Projection> {
    ALL.iter().find(|projection| projection.name == name).copied()
}
