//! How does an event look in Kafka? (docs/formats.md, "Kafka record")

use std::borrow::Cow;

use anamnesis_domain::EventKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::datum::{CodecError, read_whole, write};
use crate::schemas::{EventSchema, Fingerprint, all, find};

const ENVELOPE: (&str, EventKind) = ("kafka", EventKind { name: "Envelope", version: 1 });

/// One event on its way: the fields of `schemas/kafka/Envelope.v1.avsc`, which says what they mean.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the schema has the descriptions")]
pub struct Envelope<'a> {
    pub event_id: Uuid,
    pub event_type: Cow<'a, str>,
    pub timestamp: i64,
    pub source: Cow<'a, str>,
    pub version: Cow<'a, str>,
    pub aggregate_type: Cow<'a, str>,
    pub aggregate_id: Uuid,
    pub sequence: i64,
    pub position: i64,
    pub logged_at: i64,
    pub organization_id: Uuid,
    pub subject_id: Uuid,
    pub key_id: Uuid,
    pub data_schema: Cow<'a, str>,
    #[serde(with = "apache_avro::serde::fixed")]
    pub data_fingerprint: Fingerprint,
    #[serde(with = "bytes")]
    pub data: Cow<'a, [u8]>,
    pub metadata: EnvelopeMetadata,
    pub metadata_subject: Uuid,
    pub metadata_key_id: Option<Uuid>,
    #[serde(with = "bytes_opt")]
    pub sealed_metadata: Option<Cow<'a, [u8]>>,
}

/// What of the metadata isn't sealed.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "Metadata", rename_all = "camelCase")]
#[expect(missing_docs, reason = "the schema has the descriptions")]
pub struct EnvelopeMetadata {
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub user_id: Uuid,
    pub command_id: Uuid,
}

/// The schema that envelopes are written under.
///
/// # Panics
/// Never: it is part of the program.
pub fn envelope_schema() -> &'static EventSchema {
    find(ENVELOPE.0, ENVELOPE.1.name, ENVELOPE.1.version).expect("the envelope's schema is part of the program")
}

/// Writes an envelope under the newest schema.
pub fn encode_envelope(envelope: &Envelope<'_>) -> Result<Vec<u8>, CodecError> {
    write(ENVELOPE.0, ENVELOPE.1, envelope).map(|encoded| encoded.bytes)
}

/// Reads an envelope that was written under the schema with that fingerprint; `None` if this build knows no such schema.
pub fn decode_envelope(fingerprint: Fingerprint, bytes: &[u8]) -> Option<Result<Envelope<'static>, CodecError>> {
    let schema = all().iter().find(|schema| schema.aggregate == ENVELOPE.0 && schema.fingerprint == fingerprint)?;
    Some(read_whole(schema, bytes))
}

impl EventSchema {
    /// What it is called where schemas of many systems are together: `anamnesis.<aggregate>.<Event>.v<N>`.
    pub fn subject(&self) -> String {
        format!("anamnesis.{}.{}.v{}", self.aggregate, self.name, self.version)
    }

    /// Whether it is the schema of an event, or of an event's metadata: what is sealed inside an envelope.
    pub fn is_sealed_inside(&self) -> bool {
        self.aggregate != ENVELOPE.0
    }
}

mod bytes {
    use std::borrow::Cow;

    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [u8]>, D::Error> {
        apache_avro::serde::bytes::deserialize(deserializer).map(Cow::Owned)
    }
}

mod bytes_opt {
    use std::borrow::Cow;

    use serde::{Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<Cow<'_, [u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
        apache_avro::serde::bytes_opt::serialize(bytes, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'static, [u8]>>, D::Error> {
        Ok(apache_avro::serde::bytes_opt::deserialize(deserializer)?.map(Cow::Owned))
    }
}
