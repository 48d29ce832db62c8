//! The read models in a real Postgres: kept up exactly once, seen only by those who may.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]
#![allow(clippy::disallowed_methods, reason = "nobody stops waiting for a test's own transaction")]

mod expiring;
mod from_kafka;
mod keeping_up;
mod lifting;
mod parking;
mod reacting;
mod rebuilding;
mod scopes;
mod searching;
mod stories;
mod support;
mod tables;
mod versions;
