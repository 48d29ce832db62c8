//! What do clients of the edge see? Over HTTP, on a real Postgres, with everything running behind it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "nobody stops waiting for a test's own transaction")]

mod accesses;
mod amendments;
mod bookings;
mod cached;
mod clinical;
mod compliance;
mod consents;
mod directory;
mod documents;
mod health;
mod history;
mod log;
mod merges;
mod models;
mod named;
mod patients;
mod records;
mod routes;
mod sessions;
mod story;
mod streams;
mod world;
