//! What may happen in a clinic, and what it means.
//!
//! An [`Aggregate`] decides which events follow from a command and folds events into state. Nothing here reads a
//! clock, draws a random number or knows a database, a web framework or a wire format: what a rule needs to know, the
//! command brings.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

pub mod access;
pub mod account;
mod aggregate;
pub mod appointment;
mod choices;
pub mod compliance;
pub mod consent;
pub mod document;
mod events;
pub mod facility;
mod ground;
mod ids;
pub mod insight;
mod long;
pub mod model;
pub mod organization;
pub mod patient;
pub mod prediction;
pub mod provider;
pub mod record;
mod recorded;
mod redact;
mod refusal;
mod registry;
pub mod system;
#[cfg(test)]
mod testing;
mod values;

pub use aggregate::{Aggregate, Reservation, Subject};
pub use events::{Event, EventKind, PayloadDecoder};
pub use ground::{Ground, Grounds, States};
pub use ids::*;
pub use recorded::{Opened, Origin, Recorded};
pub use refusal::{Broken, Refusal};
pub use registry::{AggregateInfo, AnyEvent, REGISTRY, topic_of};
pub use values::*;
