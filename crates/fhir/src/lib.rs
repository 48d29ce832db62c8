//! HL7 FHIR R4 in: which commands follow from a resource?
//!
//! A [`Bundle`] is read, a [`Resolver`] says which ids its resources and references have here, and a [`Scope`] plans
//! the commands of one entry after the other. The table of what becomes of which field is `docs/fhir-mapping.md`.
//! Nothing here opens a file, asks a database, reads a clock or knows a key.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod appointment;
mod bundle;
mod draft;
mod elements;
mod encounter;
mod error;
mod facility;
mod patient;
mod person;
mod plan;
mod practitioner;
mod record;
mod resolver;
mod specialty;
mod text;
mod time;

pub use bundle::{Bundle, Entry, Unreadable};
pub use error::EntryError;
pub use plan::{Command, Plan, Planned, PlannedCommand, Remark};
pub use resolver::{Resolver, Scope};
