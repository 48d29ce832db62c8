//! The log on a real Postgres: its growth, its readers, its tree and its proof.
//!
//! Every test makes a database of its own in the cluster of `ANAMNESIS_TEST_DATABASE_URL` (as a superuser).
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cluster;
mod following;
mod moving;
mod reading;
mod sequencing;
mod support;
mod survival;
mod verifying;
