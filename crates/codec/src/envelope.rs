//! How does an event look in Kafka? (docs/formats.md, "Kafka record")

use std::borrow::Cow;

use anamnesis_domain::EventKind;
use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;
use uuid::Uuid;

use crate::datum::{CodecError, read_whole};
use crate::schemas::{EventSchema, Fingerprint, all, find};

const ENVELOPE: (&str, EventKind) = ("kafka", EventKind { name: "Envelope", version: 1 });

/// One event on its way: the fields of `schemas/kafka/Envelope.v1.avsc`, which says what they mean.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
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
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
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

/// Writes an envelope under the newest schema, behind what is there already.
///
/// By hand, for every event passes here: a test compares it with what is written by the schema itself.
pub fn write_envelope(envelope: &Envelope<'_>, into: &mut Vec<u8>) {
    put_uuid(into, envelope.event_id);
    put_bytes(into, envelope.event_type.as_bytes());
    put_long(into, envelope.timestamp);
    put_bytes(into, envelope.source.as_bytes());
    put_bytes(into, envelope.version.as_bytes());
    put_bytes(into, envelope.aggregate_type.as_bytes());
    put_uuid(into, envelope.aggregate_id);
    put_long(into, envelope.sequence);
    put_long(into, envelope.position);
    put_long(into, envelope.logged_at);
    put_uuid(into, envelope.organization_id);
    put_uuid(into, envelope.subject_id);
    put_uuid(into, envelope.key_id);
    put_bytes(into, envelope.data_schema.as_bytes());
    into.extend_from_slice(&envelope.data_fingerprint);
    put_bytes(into, &envelope.data);
    put_metadata(into, &envelope.metadata);
    put_uuid(into, envelope.metadata_subject);
    put_optional(into, envelope.metadata_key_id, put_uuid);
    put_optional(into, envelope.sealed_metadata.as_deref(), put_bytes);
}

fn put_metadata(into: &mut Vec<u8>, metadata: &EnvelopeMetadata) {
    put_uuid(into, metadata.correlation_id);
    put_optional(into, metadata.causation_id, put_uuid);
    put_uuid(into, metadata.user_id);
    put_uuid(into, metadata.command_id);
}

/// `fixed`: the bytes alone.
fn put_uuid(into: &mut Vec<u8>, id: Uuid) {
    into.extend_from_slice(id.as_bytes());
}

/// `bytes`, and `string`: the length first.
fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_long(into, i64::try_from(bytes.len()).expect("a slice is shorter than that"));
    into.extend_from_slice(bytes);
}

/// `long`: the sign moved to the lowest bit, then seven bits a byte, the lowest first.
fn put_long(into: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        into.push(if left == 0 { low } else { low | 0x80 });
        if left == 0 {
            return;
        }
    }
}

/// A union of `null` and something: which of them first.
fn put_optional<T>(into: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    put_long(into, i64::from(value.is_some()));
    if let Some(value) = value {
        put(into, value);
    }
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

    use serde::Deserializer;
    #[cfg(test)]
    use serde::Serializer;

    #[cfg(test)]
    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [u8]>, D::Error> {
        apache_avro::serde::bytes::deserialize(deserializer).map(Cow::Owned)
    }
}

mod bytes_opt {
    use std::borrow::Cow;

    use serde::Deserializer;
    #[cfg(test)]
    use serde::Serializer;

    #[cfg(test)]
    #[expect(clippy::ref_option, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<Cow<'_, [u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
        apache_avro::serde::bytes_opt::serialize(bytes, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'static, [u8]>>, D::Error> {
        Ok(apache_avro::serde::bytes_opt::deserialize(deserializer)?.map(Cow::Owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::write;

    /// Each with everything that may be missing, and without; numbers of every length.
    fn envelopes(payload: &[u8]) -> impl Iterator<Item = Envelope<'_>> {
        let lengths = (0..64).flat_map(|bits| [1_i64 << bits, (1_i64 << bits).wrapping_sub(1), -(1_i64 << (bits / 2))]);
        lengths.flat_map(move |number| [false, true].map(|whole| envelope(number, payload, whole)))
    }

    fn envelope(number: i64, payload: &[u8], whole: bool) -> Envelope<'_> {
        let id = |n: u128| Uuid::from_u128(n << 64 | n);
        Envelope {
            event_id: id(1),
            event_type: Cow::Borrowed("ConsentRevoked"),
            timestamp: number,
            source: Cow::Borrowed("anamnesis"),
            version: Cow::Owned(number.to_string()),
            aggregate_type: Cow::Borrowed("consent"),
            aggregate_id: id(2),
            sequence: number.wrapping_add(1),
            position: number.wrapping_neg(),
            logged_at: number ^ 0x55,
            organization_id: id(6),
            subject_id: id(7),
            key_id: id(8),
            data_schema: Cow::Borrowed("anamnesis.consent.ConsentRevoked.v1, and whatever comes to be called so that it is longer than 63 bytes"),
            data_fingerprint: [9; 8],
            data: Cow::Borrowed(payload),
            metadata: EnvelopeMetadata { correlation_id: id(11), causation_id: whole.then(|| id(12)), user_id: id(13), command_id: id(14) },
            metadata_subject: id(15),
            metadata_key_id: whole.then(|| id(16)),
            sealed_metadata: whole.then_some(Cow::Borrowed(payload)),
        }
    }

    #[test]
    fn what_is_written_by_hand_is_what_the_schema_says() {
        for length in [0, 1, 63, 64, 8_191, 8_192, 100_000] {
            let payload = vec![0xa5; length];
            for envelope in envelopes(&payload).take(if length > 100 { 4 } else { usize::MAX }) {
                let mut written = vec![];
                write_envelope(&envelope, &mut written);
                assert!(write(ENVELOPE.0, ENVELOPE.1, &envelope).unwrap().bytes == written, "{length} {}", envelope.timestamp);
            }
        }
    }
}
