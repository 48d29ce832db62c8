//! Does the system do what it promises, as seen from outside?
//!
//! One test binary, a module a topic, each test a sentence. Most stories happen in one clinic that they share; those that
//! break, kill or count things have a server of their own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod appointments;
mod bad_input;
mod cached;
mod crashes;
mod downstream;
mod flows;
mod history;
mod import;
mod imported;
mod installations;
mod kafka;
mod notices;
mod openapi;
mod operations;
mod outages;
mod parking;
mod patients;
mod projections;
mod reads;
mod reimport;
mod replay;
mod rights;
mod roles;
mod secrecy;
mod sign_in;
mod specification_map;
mod stack;
mod streams;
mod tampering;
mod watching;
