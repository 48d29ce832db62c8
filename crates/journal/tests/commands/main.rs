//! Commands through the journal, on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod consents;
mod contention;
mod erasure;
mod execute;
mod grounds;
mod groups;
mod laws;
mod newcomers;
mod remembering;
mod reservations;
mod scripted;
mod snapshots;
