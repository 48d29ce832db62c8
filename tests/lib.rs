//! How is the system driven from outside? By its program, over HTTP, and by looking into its database as its superuser.
//!
//! This is the harness; the tests are in `main.rs` and its modules, one a topic. It knows none of the layers: what it can't see
//! from outside, nobody can.

#![allow(clippy::return_self_not_must_use, reason = "an expectation is often the last word of a test")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when the test has failed")]

mod apart;
mod binary;
mod broker;
mod bundles;
mod cli;
mod client;
mod clinic;
mod database;
mod listening;
mod people;
mod redis;
mod server;
mod watchdog;

pub use apart::{Apart, Part};
pub use broker::Broker;
pub use bundles::{bundle_entries, demo_folder, write_bundle};
pub use cli::{Background, Run};
pub use client::{Answer, Client, Request};
pub use clinic::{Clinic, clinic};
pub use database::Database;
pub use listening::Listening;
pub use people::{Role, appointment, new_patient, new_provider, unique, unique_name};
pub use redis::Redis;
pub use server::{Server, Settings};

use std::future::Future;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// One for all tests, so that they read as what happens, in order.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Looks until it is there; says what was awaited if it doesn't come.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", limit.as_secs());
        thread::sleep(Duration::from_millis(50));
    }
}
