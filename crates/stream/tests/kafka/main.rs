//! Does every event go through Kafka once, in order and unaltered, whatever is stopped, killed or written by others?
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod following;
mod publishing;
mod reconciling;
mod registry;
mod survival;
mod verifying;
mod world;
