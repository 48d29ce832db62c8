//! Does an event keep everything on its way through Kafka?

use std::borrow::Cow;

use anamnesis_codec::{Envelope, EnvelopeMetadata, decode_envelope, envelope_schema, write_envelope};
use uuid::Uuid;

fn envelope(metadata: Option<&[u8]>) -> Envelope<'_> {
    let id = |n: u128| Uuid::from_u128(n);
    Envelope {
        event_id: id(1),
        event_type: Cow::Borrowed("ConsentRevoked"),
        timestamp: 1_767_225_600_000_000,
        source: Cow::Borrowed("anamnesis"),
        version: Cow::Borrowed("1"),
        aggregate_type: Cow::Borrowed("consent"),
        aggregate_id: id(2),
        sequence: 3,
        position: 4,
        logged_at: 5,
        organization_id: id(6),
        subject_id: id(7),
        key_id: id(8),
        data_schema: Cow::Borrowed("anamnesis.consent.ConsentRevoked.v1"),
        data_fingerprint: [9; 8],
        data: Cow::Owned(vec![10; 300]),
        metadata: EnvelopeMetadata { correlation_id: id(11), causation_id: metadata.map(|_| id(12)), user_id: id(13), command_id: id(14) },
        metadata_subject: id(15),
        metadata_key_id: metadata.map(|_| id(16)),
        sealed_metadata: metadata.map(Cow::Borrowed),
    }
}

fn written(envelope: &Envelope<'_>) -> Vec<u8> {
    let mut bytes = vec![];
    write_envelope(envelope, &mut bytes);
    bytes
}

#[test]
fn an_envelope_survives_avro() {
    for metadata in [None, Some(&[17; 20][..])] {
        let bytes = written(&envelope(metadata));
        let read = decode_envelope(envelope_schema().fingerprint, &bytes).expect("its schema is known").expect("it is readable");
        assert_eq!((read.event_id, &read.event_type, &read.data), (Uuid::from_u128(1), &Cow::Borrowed("ConsentRevoked"), &Cow::Owned(vec![10; 300])));
        assert_eq!(read.sealed_metadata.as_deref(), metadata);
        assert_eq!(written(&read), bytes);
    }
}

#[test]
fn bytes_under_another_schema_or_of_another_length_are_no_envelope() {
    let fingerprint = envelope_schema().fingerprint;
    let mut bytes = written(&envelope(None));
    assert!(decode_envelope([0; 8], &bytes).is_none());
    bytes.push(0);
    assert!(decode_envelope(fingerprint, &bytes).expect("known").is_err());
    bytes.truncate(40);
    assert!(decode_envelope(fingerprint, &bytes).expect("known").is_err());
}
