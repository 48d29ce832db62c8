//! Does a cache ever say what doesn't hold? In memory and in Redis alike.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod both;
mod redis_alone;
mod support;
