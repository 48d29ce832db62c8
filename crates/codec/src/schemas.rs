//! Which schemas are there?

use std::collections::HashMap;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// CRC-64-AVRO of a schema's parsing canonical form, little-endian as in Avro's single-object encoding.
pub type Fingerprint = [u8; 8];

/// The schema of one version of one event.
pub struct EventSchema {
    /// The folder under `schemas/`: an aggregate's name, or `metadata`.
    pub aggregate: &'static str,
    /// The event's name.
    pub name: &'static str,
    /// The event's version.
    pub version: u32,
    /// The schema's text, as it stands in the file.
    pub source: &'static str,
    /// Of the schema.
    pub fingerprint: Fingerprint,
    /// The schema.
    pub schema: &'static Schema,
    pub(crate) writer: GenericDatumWriter<'static>,
    pub(crate) reader: GenericDatumReader<'static>,
}

static SCHEMAS: LazyLock<Vec<EventSchema>> =
    LazyLock::new(|| SOURCES.iter().map(|&(aggregate, name, version, source)| EventSchema::parse(aggregate, name, version, source)).collect());

static BY_KIND: LazyLock<HashMap<(&'static str, &'static str, u32), &'static EventSchema>> =
    LazyLock::new(|| SCHEMAS.iter().map(|s| ((s.aggregate, s.name, s.version), s)).collect());

/// Every schema, by aggregate, name and version.
pub fn all() -> &'static [EventSchema] {
    &SCHEMAS
}

/// The schema of one version of one event.
pub fn find(aggregate: &str, name: &str, version: u32) -> Option<&'static EventSchema> {
    BY_KIND.get(&(aggregate, name, version)).copied()
}

impl EventSchema {
    fn parse(aggregate: &'static str, name: &'static str, version: u32, source: &'static str) -> Self {
        const PARSED_IN_TESTS: &str = "the schemas are part of the program, and its tests parse every one";
        let schema: &'static Schema = Box::leak(Box::new(Schema::parse_str(source).expect(PARSED_IN_TESTS)));
        let fingerprint = crc_64_avro(&canonical_form(schema)).to_le_bytes();
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build().expect(PARSED_IN_TESTS);
        let reader = GenericDatumReader::builder(schema).human_readable(false).build().expect(PARSED_IN_TESTS);
        Self { aggregate, name, version, source, fingerprint, schema, writer, reader }
    }
}

/// The parsing canonical form of Avro's specification.
///
/// The library's own leaves `{"type":"long"}` where a logical type stood, so nobody else's tools would find our
/// fingerprints; the specification's rule \[PRIMITIVE\] makes it `"long"`. The text has no spaces, and no name can look
/// like this, so it is safe to replace in the text.
fn canonical_form(schema: &Schema) -> String {
    let primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
    primitives
        .iter()
        .fold(schema.canonical_form(), |form, primitive| form.replace(&format!(r#"{{"type":"{primitive}"}}"#), &format!(r#""{primitive}""#)))
}

/// As in "Schema Fingerprints" of Avro's specification, without its table: a schema is hashed once.
fn crc_64_avro(form: &str) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    form.bytes().fold(EMPTY, |crc, byte| (0..8).fold(crc ^ u64::from(byte), |crc, _| (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg())))
}

#[cfg(test)]
mod tests {
    use super::{Schema, canonical_form, crc_64_avro};

    /// The values are those of Avro's own test suite (share/test/data/schema-tests.txt).
    #[test]
    fn fingerprints_are_those_of_the_specification() {
        assert_eq!(crc_64_avro(r#""null""#).cast_signed(), 7_195_948_357_588_979_594);
        assert_eq!(crc_64_avro(r#"{"name":"foo","type":"fixed","size":15}"#).cast_signed(), 1_756_455_273_707_447_556);
    }

    #[test]
    fn a_logical_type_leaves_its_primitive_in_the_canonical_form() {
        let schema = r#"{"type": "record", "namespace": "n", "name": "r", "fields": [
            {"name": "a", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "b", "type": ["null", {"type": "string", "logicalType": "uuid"}], "default": null}]}"#;
        assert_eq!(
            canonical_form(&Schema::parse_str(schema).expect("a schema")),
            r#"{"name":"n.r","type":"record","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]}]}"#
        );
    }
}
