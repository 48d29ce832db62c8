//! How does an event become bytes, and bytes an event?
//!
//! Avro binary under the hand-written schemas of `schemas/<aggregate>/<Event>.v<N>.avsc`, one spelling for the journal
//! and for Kafka; and JSON for those who only read ([`Telling`]). Knows no key and does no I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod compatibility;
mod datum;
mod envelope;
mod schemas;
mod told;

pub use compatibility::incompatible_fields;
pub use datum::{CodecError, Encoded, decode, decode_any, decode_origin, encode, encode_any, encode_origin};
pub use envelope::{Envelope, EnvelopeMetadata, decode_envelope, envelope_schema, write_envelope};
pub use schemas::{EventSchema, Fingerprint, all, find};
pub use told::{Deidentifier, Telling};
