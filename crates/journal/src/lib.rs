//! The event store: commands in, sealed events out, in one order that can be proved.
//!
//! [`Journal::execute`] hands one command to one aggregate and appends what it decides; [`Journal::group`] does so with
//! several, all or nothing. The log gives every appended event its position, and the [`tree`] proves that nobody
//! changed one.
//!
//! This is the one place that knows cqrs-es and postgres-es. It must never know Kafka, HTTP or a particular aggregate.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod append;
mod caller;
mod database;
mod elsewhere;
mod failure;
pub mod follower;
mod framework;
mod group;
mod held;
mod journal;
pub mod log;
mod outcome;
mod reading;
mod receipt;
pub mod row;
mod seal;
pub mod sequencer;
mod snapshot;
mod states;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transaction;
pub mod tree;
mod turns;
pub mod verify;

pub use append::Appends;
pub use caller::Caller;
pub use database::{Role, migrate, pool_as};
pub use elsewhere::Elsewhere;
pub use group::{AnyRefusal, Group, GroupCommitted, GroupError, StepCommitted};
pub use held::HeldTimes;
pub use journal::{Journal, JournalSettings};
pub use outcome::{CommandError, Committed, CommittedEvent, SlotKind};
pub use receipt::Used;
