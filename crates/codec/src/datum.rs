//! How is one payload written and read?

use anamnesis_domain::{Aggregate, AnyEvent, Event, EventKind, Origin, PayloadDecoder};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::schemas::{EventSchema, Fingerprint, find};

/// Why bytes and events don't fit together. Says which event, never what was in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodecError {
    /// No such file under `schemas/`.
    #[error("no schema for {aggregate}/{name}.v{version}: add schemas/{aggregate}/{name}.v{version}.avsc, or run a build that knows this event")]
    UnknownKind {
        /// The aggregate.
        aggregate: String,
        /// The event's name.
        name: String,
        /// The event's version.
        version: u32,
    },
    /// The row names another schema than this build has for that version.
    #[error("{name}.v{version} was written under another schema (fingerprint differs): a merged schema must never change")]
    OtherSchema {
        /// The event's name.
        name: &'static str,
        /// The event's version.
        version: u32,
    },
    /// The value doesn't fit the schema.
    #[error("{name}.v{version} doesn't fit its schema")]
    NotWritable {
        /// The event's name.
        name: &'static str,
        /// The event's version.
        version: u32,
    },
    /// The bytes aren't a value of the schema.
    #[error("the bytes are not a {name}.v{version}")]
    NotReadable {
        /// The event's name.
        name: &'static str,
        /// The event's version.
        version: u32,
    },
}

/// A payload in bytes, and what names its schema.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Name and version.
    pub kind: EventKind,
    /// Of the schema.
    pub fingerprint: Fingerprint,
    /// Avro binary.
    pub bytes: Vec<u8>,
}

/// Writes an event of aggregate `A` under its newest schema.
pub fn encode<A: Aggregate>(event: &A::Event) -> Result<Encoded, CodecError> {
    write(A::TYPE, event.kind(), &Payload(event))
}

/// Writes an event of any aggregate under its newest schema.
pub fn encode_any(aggregate: &str, event: &AnyEvent) -> Result<Encoded, CodecError> {
    write(aggregate, event.kind(), &AnyPayload(event))
}

/// Reads an event of aggregate `A`, lifting an old version into the newest shape.
pub fn decode<A: Aggregate>(name: &str, version: u32, fingerprint: Fingerprint, bytes: &[u8]) -> Result<A::Event, CodecError> {
    let schema = written_under(A::TYPE, name, version, fingerprint)?;
    A::Event::decode(name, version, Avro { schema, bytes }).unwrap_or_else(|| Err(unknown(A::TYPE, name, version)))
}

/// Reads an event of any aggregate, lifting an old version into the newest shape.
pub fn decode_any(aggregate: &str, name: &str, version: u32, fingerprint: Fingerprint, bytes: &[u8]) -> Result<AnyEvent, CodecError> {
    let schema = written_under(aggregate, name, version, fingerprint)?;
    AnyEvent::decode(aggregate, name, version, Avro { schema, bytes }).unwrap_or_else(|| Err(unknown(aggregate, name, version)))
}

const ORIGIN: (&str, EventKind) = ("metadata", EventKind { name: "Origin", version: 1 });

/// Writes where a command came from.
pub fn encode_origin(origin: &Origin) -> Result<Vec<u8>, CodecError> {
    write(ORIGIN.0, ORIGIN.1, origin).map(|encoded| encoded.bytes)
}

/// Reads where a command came from.
pub fn decode_origin(bytes: &[u8]) -> Result<Origin, CodecError> {
    let schema = find(ORIGIN.0, ORIGIN.1.name, ORIGIN.1.version).ok_or_else(|| unknown(ORIGIN.0, ORIGIN.1.name, ORIGIN.1.version))?;
    Avro { schema, bytes }.decode()
}

pub(crate) fn write(aggregate: &str, kind: EventKind, payload: &impl Serialize) -> Result<Encoded, CodecError> {
    let EventKind { name, version } = kind;
    let schema = find(aggregate, name, version).ok_or_else(|| unknown(aggregate, name, version))?;
    let bytes = schema.writer.write_ser_to_vec(payload).map_err(|_| CodecError::NotWritable { name, version })?;
    Ok(Encoded { kind, fingerprint: schema.fingerprint, bytes })
}

/// Reads one datum under its schema, to the last byte.
pub(crate) fn read_whole<T: DeserializeOwned>(schema: &'static EventSchema, bytes: &[u8]) -> Result<T, CodecError> {
    Avro { schema, bytes }.decode()
}

fn written_under(aggregate: &str, name: &str, version: u32, fingerprint: Fingerprint) -> Result<&'static EventSchema, CodecError> {
    let schema = find(aggregate, name, version).ok_or_else(|| unknown(aggregate, name, version))?;
    if schema.fingerprint == fingerprint { Ok(schema) } else { Err(CodecError::OtherSchema { name: schema.name, version }) }
}

fn unknown(aggregate: &str, name: &str, version: u32) -> CodecError {
    CodecError::UnknownKind { aggregate: aggregate.to_owned(), name: name.to_owned(), version }
}

struct Payload<'a, E>(&'a E);

impl<E: Event> Serialize for Payload<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_payload(serializer)
    }
}

struct AnyPayload<'a>(&'a AnyEvent);

impl Serialize for AnyPayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_payload(serializer)
    }
}

/// One Avro datum, read whole: bytes left over mean that it isn't what it says.
struct Avro<'a> {
    schema: &'static EventSchema,
    bytes: &'a [u8],
}

impl PayloadDecoder for Avro<'_> {
    type Error = CodecError;

    fn decode<T: DeserializeOwned>(mut self) -> Result<T, CodecError> {
        let unreadable = CodecError::NotReadable { name: self.schema.name, version: self.schema.version };
        let value = self.schema.reader.read_deser(&mut self.bytes).map_err(|_| unreadable.clone())?;
        if self.bytes.is_empty() { Ok(value) } else { Err(unreadable) }
    }
}
