//! How does an entry of the log become a Kafka record, and a record an entry again? (docs/formats.md, "Kafka record")

use std::borrow::Cow;
use std::sync::LazyLock;

use anamnesis_codec::{CodecError, Envelope, EnvelopeMetadata, decode_envelope, envelope_schema, write_envelope};
use anamnesis_domain::Instant;
use anamnesis_journal::log::SealedEntry;
use anamnesis_journal::row::RowHash;
use anamnesis_journal::tree::Hash;
use anamnesis_vault::Sealed;
use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders};
use uuid::Uuid;

use crate::topics::{Topic, TopicPartition};

const SOURCE: &str = "anamnesis";
const POSITION: &str = "position";
const PREVIOUS: &str = "previous-position";
const LEAF: &str = "leaf";
const FINGERPRINT: &str = "fingerprint";
/// The header of everything that this build writes.
static ENVELOPE_FINGERPRINT: LazyLock<String> = LazyLock::new(|| hex::encode(envelope_schema().fingerprint));
/// The registry's wire format: a zero, the schema's id in 4 bytes, Avro binary.
const WIRE_HEADER: usize = 5;
/// What an envelope has besides sealed bytes, about: so much room is made at once.
const AROUND_SEALED: usize = 400;

/// Why bytes of Kafka are no record of ours. Says where it is wrong, never what was in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// A header is missing or no value of its kind.
    #[error("the header `{0}` is missing or isn't readable")]
    Header(&'static str),
    /// The value isn't in the schema registry's wire format.
    #[error("the value isn't in the schema registry's wire format")]
    WireFormat,
    /// Written under an envelope schema that this build doesn't know.
    #[error("the envelope was written under a schema that this build doesn't know: run a newer one")]
    UnknownSchema,
    /// The envelope doesn't read.
    #[error("the envelope isn't readable")]
    Unreadable(#[from] CodecError),
    /// Content and headers, or two parts of the content, don't fit together.
    #[error("the record isn't what was published: {0}")]
    Altered(&'static str),
    /// Of an aggregate that this build doesn't know, or too large for Kafka.
    #[error("the event can't be published: {0}")]
    NotPublishable(&'static str),
}

/// A record to be produced.
pub(crate) struct Record {
    pub(crate) partition: TopicPartition,
    pub(crate) position: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Uuid,
    pub(crate) value: Vec<u8>,
    leaf: Hash,
}

impl Record {
    /// The record of an entry; `schema_id` is the envelope's in the registry.
    pub(crate) fn of(entry: &SealedEntry, schema_id: u32) -> Result<Self, RecordError> {
        let partition = TopicPartition::of(&entry.aggregate_type, entry.aggregate_id);
        let partition = partition.ok_or(RecordError::NotPublishable("this build doesn't know its aggregate"))?;
        // compaction keeps the last record of a key: on the audit topic every event has its own
        let key = if partition.topic == Topic::Audit { entry.event_id } else { entry.aggregate_id };
        Ok(Self {
            partition,
            position: entry.position,
            timestamp_ms: entry.logged_at.micros().div_euclid(1_000),
            key,
            value: value(entry, schema_id),
            leaf: entry.leaf(),
        })
    }

    /// Its headers; `previous` is the position of the record before it in its partition, 0 for the first.
    pub(crate) fn headers(&self, previous: u64) -> OwnedHeaders {
        let (position, previous, mut leaf) = (self.position.to_string(), previous.to_string(), [0; 64]);
        hex::encode_to_slice(self.leaf.as_bytes(), &mut leaf).expect("32 bytes are 64 digits");
        let values =
            [(POSITION, position.as_bytes()), (PREVIOUS, previous.as_bytes()), (LEAF, &leaf), (FINGERPRINT, ENVELOPE_FINGERPRINT.as_bytes())];
        values.into_iter().fold(OwnedHeaders::new_with_capacity(4), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
    }
}

fn value(entry: &SealedEntry, schema_id: u32) -> Vec<u8> {
    let mut value = Vec::with_capacity(WIRE_HEADER + entry.sealed_bytes() + AROUND_SEALED);
    value.push(0);
    value.extend_from_slice(&schema_id.to_be_bytes());
    write_envelope(&envelope(entry), &mut value);
    value
}

fn envelope(entry: &SealedEntry) -> Envelope<'_> {
    let version = entry.event_version.to_string();
    Envelope {
        event_id: entry.event_id,
        event_type: Cow::Borrowed(&entry.event_type),
        timestamp: entry.recorded_at.micros(),
        source: Cow::Borrowed(SOURCE),
        aggregate_type: Cow::Borrowed(&entry.aggregate_type),
        aggregate_id: entry.aggregate_id,
        sequence: entry.sequence.cast_signed(),
        position: entry.position.cast_signed(),
        logged_at: entry.logged_at.micros(),
        organization_id: entry.organization_id,
        subject_id: entry.subject_id,
        key_id: entry.payload.key_id(),
        data_schema: Cow::Owned(data_schema(&entry.aggregate_type, &entry.event_type, &version)),
        version: Cow::Owned(version),
        data_fingerprint: entry.fingerprint,
        data: Cow::Borrowed(entry.payload.as_bytes()),
        metadata: EnvelopeMetadata {
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            user_id: entry.actor_id,
            command_id: entry.command_id,
        },
        metadata_subject: entry.metadata_subject_id,
        metadata_key_id: entry.metadata.as_ref().map(Sealed::key_id),
        sealed_metadata: entry.metadata.as_ref().map(|sealed| Cow::Borrowed(sealed.as_bytes())),
    }
}

/// As the registry knows it.
fn data_schema(aggregate_type: &str, event_type: &str, version: &str) -> String {
    ["anamnesis.", aggregate_type, ".", event_type, ".v", version].concat()
}

/// What a record's headers say, before its value is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marks {
    pub(crate) position: u64,
    pub(crate) previous: u64,
    pub(crate) leaf: Hash,
    pub(crate) fingerprint: [u8; 8],
}

impl Marks {
    /// The headers of a record that was consumed.
    pub(crate) fn of(message: &impl Message) -> Result<Self, RecordError> {
        let text = |name| header(message, name).ok_or(RecordError::Header(name));
        let number = |name| text(name)?.parse().map_err(|_| RecordError::Header(name));
        let mut fingerprint = [0; 8];
        hex::decode_to_slice(text(FINGERPRINT)?, &mut fingerprint).map_err(|_| RecordError::Header(FINGERPRINT))?;
        Ok(Self {
            position: number(POSITION)?,
            previous: number(PREVIOUS)?,
            leaf: text(LEAF)?.parse().map_err(|_| RecordError::Header(LEAF))?,
            fingerprint,
        })
    }
}

fn header<'a>(message: &'a impl Message, name: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    let found = (0..headers.count()).map(|index| headers.get(index)).find(|header| header.key == name)?;
    std::str::from_utf8(found.value?).ok()
}

/// The registry's id in a value.
pub(crate) fn schema_id(value: &[u8]) -> Result<u32, RecordError> {
    match value {
        [0, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(RecordError::WireFormat),
    }
}

/// The entry in a value, written under the envelope schema with that fingerprint. The row's hash is computed from the
/// content: compare the entry's leaf with what should stand there.
pub(crate) fn decode(fingerprint: [u8; 8], value: &[u8]) -> Result<SealedEntry, RecordError> {
    schema_id(value)?;
    let envelope = decode_envelope(fingerprint, &value[WIRE_HEADER..]).ok_or(RecordError::UnknownSchema)??;
    entry(envelope)
}

/// As [`decode`], of a record that was consumed: its key, headers and content must fit together.
pub(crate) fn read(message: &impl Message) -> Result<SealedEntry, RecordError> {
    let marks = Marks::of(message)?;
    let entry = decode(marks.fingerprint, message.payload().ok_or(RecordError::WireFormat)?)?;
    if entry.position != marks.position || entry.leaf() != marks.leaf {
        return Err(RecordError::Altered("its leaf isn't the one in its header"));
    }
    let audit = Topic::of(&entry.aggregate_type) == Some(Topic::Audit);
    let key = if audit { entry.event_id } else { entry.aggregate_id };
    let fits = message.key() == Some(key.to_string().as_bytes());
    if fits { Ok(entry) } else { Err(RecordError::Altered("its key isn't its stream's")) }
}

fn entry(envelope: Envelope<'_>) -> Result<SealedEntry, RecordError> {
    let sealed = |bytes: Cow<'_, [u8]>| Sealed::from_stored(bytes.into_owned()).map_err(|_| RecordError::Altered("its content isn't sealed"));
    let number = |number: i64| u64::try_from(number).map_err(|_| RecordError::Altered("a number in it is negative"));
    let event_version = envelope.version.parse().map_err(|_| RecordError::Altered("its version is no number"))?;
    // what isn't in the leaf must follow from what is
    if envelope.source != SOURCE || envelope.data_schema != data_schema(&envelope.aggregate_type, &envelope.event_type, &envelope.version) {
        return Err(RecordError::Altered("its source or schema isn't the event's"));
    }
    let mut entry = SealedEntry {
        position: number(envelope.position)?,
        logged_at: Instant::from_micros(envelope.logged_at),
        organization_id: envelope.organization_id,
        aggregate_type: envelope.aggregate_type.into_owned(),
        aggregate_id: envelope.aggregate_id,
        sequence: number(envelope.sequence)?,
        event_id: envelope.event_id,
        event_type: envelope.event_type.into_owned(),
        event_version,
        fingerprint: envelope.data_fingerprint,
        subject_id: envelope.subject_id,
        metadata_subject_id: envelope.metadata_subject,
        recorded_at: Instant::from_micros(envelope.timestamp),
        command_id: envelope.metadata.command_id,
        correlation_id: envelope.metadata.correlation_id,
        causation_id: envelope.metadata.causation_id,
        actor_id: envelope.metadata.user_id,
        payload: sealed(envelope.data)?,
        metadata: envelope.sealed_metadata.map(sealed).transpose()?,
        row_hash: RowHash::from([0; 32]),
    };
    if entry.payload.key_id() != envelope.key_id || entry.metadata.as_ref().map(Sealed::key_id) != envelope.metadata_key_id {
        return Err(RecordError::Altered("a key id isn't that of what is sealed"));
    }
    if entry.event_version.to_string() != envelope.version {
        return Err(RecordError::Altered("its version has a second spelling"));
    }
    entry.row_hash = entry.row().hash();
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Vec<Value> {
        serde_json::from_str(include_str!("../../../docs/formats/kafka.json")).unwrap()
    }

    fn entry_of(vector: &Value) -> SealedEntry {
        let row = &vector["row"];
        let id = |name: &str| row[name].as_str().unwrap().parse().unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let sealed = |name: &str| hex::decode(row[name].as_str().unwrap()).unwrap();
        let mut entry = SealedEntry {
            position: vector["position"].as_u64().unwrap(),
            logged_at: Instant::from_micros(vector["logged_at_us"].as_i64().unwrap()),
            organization_id: id("organization_id"),
            aggregate_type: text("aggregate_type"),
            aggregate_id: id("aggregate_id"),
            sequence: row["sequence"].as_u64().unwrap(),
            event_id: id("event_id"),
            event_type: text("event_type"),
            event_version: row["event_version"].as_u64().unwrap().try_into().unwrap(),
            fingerprint: hex::decode(text("fingerprint")).unwrap().try_into().unwrap(),
            subject_id: id("subject_id"),
            metadata_subject_id: id("metadata_subject_id"),
            recorded_at: Instant::from_micros(row["recorded_at_us"].as_i64().unwrap()),
            command_id: id("command_id"),
            correlation_id: id("correlation_id"),
            causation_id: row["causation_id"].as_str().map(|id| id.parse().unwrap()),
            actor_id: id("actor_id"),
            payload: Sealed::from_stored(sealed("payload")).unwrap(),
            metadata: Some(sealed("metadata")).filter(|bytes| !bytes.is_empty()).map(|bytes| Sealed::from_stored(bytes).unwrap()),
            row_hash: RowHash::from([0; 32]),
        };
        entry.row_hash = entry.row().hash();
        entry
    }

    fn message(vector: &Value) -> (Record, OwnedMessage) {
        let record = Record::of(&entry_of(vector), vector["schema_id"].as_u64().unwrap().try_into().unwrap()).unwrap();
        let headers = record.headers(vector["previous_position"].as_u64().unwrap());
        let (key, value) = (record.key.to_string().into_bytes(), record.value.clone());
        let at = Timestamp::CreateTime(record.timestamp_ms);
        (record, OwnedMessage::new(Some(value), Some(key), "any".to_owned(), at, 0, 0, Some(headers)))
    }

    #[test]
    fn records_have_the_frozen_bytes_and_are_read_again() {
        for vector in vectors() {
            let (record, message) = message(&vector);
            assert_eq!(record.partition.topic.name(), vector["topic"]);
            assert_eq!(u64::from(record.partition.index), vector["partition"]);
            assert_eq!(
                (record.key.to_string().as_str(), record.timestamp_ms),
                (vector["key"].as_str().unwrap(), vector["timestamp_ms"].as_i64().unwrap())
            );
            assert_eq!(hex::encode(&record.value), vector["value"]);
            for (name, value) in vector["headers"].as_object().unwrap() {
                assert_eq!(header(&message, name), value.as_str(), "{name}");
            }
            assert_eq!(read(&message), Ok(entry_of(&vector)));
        }
    }

    /// Whatever of the value isn't hashed follows from what is; so no bit can be flipped but those of the registry's id.
    #[test]
    fn not_one_bit_of_a_value_can_be_flipped() {
        for vector in vectors() {
            let (record, message) = message(&vector);
            for bit in (0..record.value.len() * 8).filter(|bit| !(8..40).contains(bit)) {
                let mut value = record.value.clone();
                value[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&message.clone().set_payload(Some(value))).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_record_with_another_key_or_without_its_headers_is_refused() {
        let (_, message) = message(&vectors()[0]);
        assert_eq!(read(&message.clone().set_key(Some(b"other".to_vec()))), Err(RecordError::Altered("its key isn't its stream's")));
        assert_eq!(read(&message.clone().replace_headers(None)), Err(RecordError::Header(FINGERPRINT)));
        assert_eq!(read(&message.set_payload(Some(vec![1, 0, 0, 0, 1, 0]))), Err(RecordError::WireFormat));
    }
}
