//! The edge: HTTP in, commands and queries through, answers out.
//!
//! One operation a file, named as in the OpenAPI description. What every operation shares is in [`edge`]: who calls,
//! what they may, how bodies are parsed, that every read of a person's data is recorded before it is released.
//! It must never know how an event is stored or a row is written.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod account;
mod amendment_request;
mod app;
mod appointment;
mod audit;
mod auth;
mod compliance;
mod consent;
mod document;
mod edge;
mod facility;
mod health;
mod history;
mod insight;
mod log;
mod model;
mod openapi;
mod organization;
mod patient;
mod prediction;
mod provider;
mod record;
mod router;
mod stream;

use app::App;
pub use app::{ApiSettings, AppParts};
pub use edge::{Problem, TrustedProxies};
pub use health::Live;
pub use openapi::document;
pub use router::{ANONYMOUS, router};
pub use stream::{StreamSettings, Streams};
