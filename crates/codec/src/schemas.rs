//! Which schemas are there?

use std::collections::HashMap;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
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
        let fingerprint = schema.fingerprint::<Rabin>().bytes.try_into().expect("CRC-64 has eight bytes");
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build().expect(PARSED_IN_TESTS);
        let reader = GenericDatumReader::builder(schema).human_readable(false).build().expect(PARSED_IN_TESTS);
        Self { aggregate, name, version, source, fingerprint, schema, writer, reader }
    }
}
