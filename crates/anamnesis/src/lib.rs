//! How do the layers become one program? This crate alone knows them all; the layers never know it.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

pub mod data_dir;
pub mod postgres;
