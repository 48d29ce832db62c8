//! Who keeps the read models up with the log?
//!
//! The [`Workers`] of a process run a [`Projector`] for each feed that they follow: it reads batches, opens them once, folds them into the rows they touch and writes rows and
//! checkpoints in one transaction. [`Rebuild`] computes a read model from the whole log beside the live one, compares
//! the two and swaps them. [`read`] is how others get at the rows. [`reactor::Reactors`] act upon events in the world outside,
//! [`expiry::Expiry`] upon the clock. This crate must never know HTTP.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod applied;
mod batch;
mod cached;
mod checkpoint;
mod copy;
mod deployment;
mod digest;
mod error;
pub mod expiry;
mod filling;
pub mod history;
mod keys;
mod lane;
pub mod parked;
mod parking;
mod patience;
mod presence;
mod progress;
mod projector;
pub mod query;
mod rate;
pub mod reactor;
pub mod read;
mod rebuild;
mod schema;
mod table;
mod versions;
mod watcher;
mod workers;

pub use applied::Applied;
pub use cached::lanes_of;
pub use deployment::Deployment;
pub use digest::digest;
pub use error::{ProjectorError, Reason};
pub use parking::Stream;
pub use progress::{NotReached, Progress, ProjectionState, Status, Wanted};
pub use projector::{Projector, ProjectorSettings};
pub use rebuild::{Rebuild, Rebuilt};
pub use schema::{Ensured, ensure_schema, forget_subject};
pub use watcher::Watcher;
pub use workers::Workers;
