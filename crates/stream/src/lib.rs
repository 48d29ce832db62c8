//! How does what has happened leave the journal, and reach those who compute something from it?
//!
//! A [`Feed`] is an ordered source of log entries for one consumer. There is one over the log itself ([`LogFeed`]).
//! Entries stay sealed here: `anamnesis_journal::log::open` opens a batch.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod feed;

pub use feed::{Feed, FeedError, LogFeed};
