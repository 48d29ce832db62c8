//! What was computed a moment ago and still holds? In Redis for many processes, or in the memory of one.
//!
//! A cache never decides anything and is never the only place of anything: whatever is asked of it and isn't there, can't
//! be reached, doesn't open or may be too old is a miss, and the caller computes it anew. Nothing stands in it in the
//! clear: what is about a person is sealed under that person's key, so what was erased is a miss too.
//!
//! Two things keep an entry from being older than it says. Each read model has a [`Lane`], which its projector moves on
//! after each batch, in the same step in which it throws out what the batch touched ([`Keeper`]). And whoever fills an
//! entry shows the [`Ticket`] that it got with the miss: if anything was thrown out since, the entry isn't taken.
//!
//! This crate must never know what it keeps: no domain, no rows, no HTTP.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod cache;
mod entry;
mod key;
mod lane;
mod store;

pub use cache::{Cache, CacheError, Health, Hit, Looked, RedisSettings, Ticket};
pub use entry::{Entry, Part};
pub use key::{Key, Kind};
pub use lane::{Keeper, Lane};
pub use store::Counted;
