//! Because of which fields can't two schemas stand beside each other?

use apache_avro::Schema;
use apache_avro::schema::{Name, NamesRef, RecordSchema, ResolvedSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// The fields because of which whoever knows one of two schemas can't read all that was written under the other, by their
/// paths (`metadata.userId`); the type's name where it is the type itself. `None` if one of the texts is no schema.
///
/// As in Avro's "Schema Resolution", both ways and without luck: a value that merely may be readable doesn't count.
pub fn incompatible_fields(one: &str, other: &str) -> Option<Vec<String>> {
    let (one, other) = (Schema::parse_str(one).ok()?, Schema::parse_str(other).ok()?);
    let (one_resolved, other_resolved) = (ResolvedSchema::new(&one).ok()?, ResolvedSchema::new(&other).ok()?);
    let (one_names, other_names) = (one_resolved.get_names(), other_resolved.get_names());
    let mut fields = Reading::new(one_names, other_names).faults(&one, &other);
    fields.extend(Reading::new(other_names, one_names).faults(&other, &one));
    fields.sort();
    fields.dedup();
    Some(fields)
}

/// Somebody who knows one schema reads what was written under another.
struct Reading<'a> {
    of_reader: &'a NamesRef<'a>,
    of_writer: &'a NamesRef<'a>,
    /// The records that are being compared: one that has itself inside isn't compared for ever.
    open: Vec<(&'a Name, &'a Name)>,
}

impl<'a> Reading<'a> {
    fn new(of_reader: &'a NamesRef<'a>, of_writer: &'a NamesRef<'a>) -> Self {
        Self { of_reader, of_writer, open: vec![] }
    }

    fn faults(&mut self, reader: &'a Schema, writer: &'a Schema) -> Vec<String> {
        let mut faults = vec![];
        self.compare(reader, writer, "", &mut faults);
        faults
    }

    fn compare(&mut self, reader: &'a Schema, writer: &'a Schema, path: &str, faults: &mut Vec<String>) {
        let (reader, writer) = (named(self.of_reader, reader), named(self.of_writer, writer));
        if let (Schema::Record(reader), Schema::Record(writer)) = (reader, writer) {
            self.compare_records(reader, writer, path, faults);
        } else if let (Schema::Array(reader), Schema::Array(writer)) = (reader, writer) {
            self.compare(&reader.items, &writer.items, path, faults);
        } else if let (Schema::Map(reader), Schema::Map(writer)) = (reader, writer) {
            self.compare(&reader.types, &writer.types, path, faults);
        } else if !self.reads(reader, writer) {
            faults.push(if path.is_empty() { type_name(reader) } else { path.to_owned() });
        }
    }

    fn compare_records(&mut self, reader: &'a RecordSchema, writer: &'a RecordSchema, path: &str, faults: &mut Vec<String>) {
        let names = (&reader.name, &writer.name);
        if reader.name.name() != writer.name.name() {
            faults.push(if path.is_empty() { reader.name.fullname(None) } else { path.to_owned() });
            return;
        }
        if self.open.contains(&names) {
            return;
        }
        self.open.push(names);
        for field in &reader.fields {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            match writer.fields.iter().find(|written| written.name == field.name) {
                Some(written) => self.compare(&field.schema, &written.schema, &path, faults),
                None if field.default.is_none() => faults.push(path),
                None => {}
            }
        }
        self.open.pop();
    }

    /// Of what isn't a record on both sides; each alternative that may be written must be one that can be read.
    fn reads(&mut self, reader: &'a Schema, writer: &'a Schema) -> bool {
        if let Schema::Union(writer) = writer {
            writer.variants().iter().all(|variant| self.reads(reader, variant))
        } else if let Schema::Union(reader) = reader {
            reader.variants().iter().any(|variant| self.faults(variant, writer).is_empty())
        } else {
            let (reader, writer) = (named(self.of_reader, reader), named(self.of_writer, writer));
            if matches!((reader, writer), (Schema::Record(_), Schema::Record(_))) {
                return self.faults(reader, writer).is_empty();
            }
            SchemaCompatibility::can_read(writer, reader) == Ok(Compatibility::Full)
        }
    }
}

/// What stands under a name.
fn named<'a>(names: &NamesRef<'a>, schema: &'a Schema) -> &'a Schema {
    if let Schema::Ref { name } = schema { names.get(name).copied().unwrap_or(schema) } else { schema }
}

fn type_name(schema: &Schema) -> String {
    schema.name().map_or_else(|| schema.canonical_form(), |name| name.fullname(None))
}

#[cfg(test)]
mod tests {
    use super::incompatible_fields;

    const BEFORE: &str = r#"{"type": "record", "name": "Envelope", "fields": [
        {"name": "id", "type": {"type": "fixed", "name": "Uuid", "size": 16}},
        {"name": "cause", "type": ["null", "Uuid"], "default": null},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "metadata", "type": {"type": "record", "name": "Metadata", "fields": [{"name": "userId", "type": "Uuid"}]}},
        {"name": "at", "type": "long"}]}"#;

    fn changed(from: &str, to: &str) -> Vec<String> {
        assert!(BEFORE.contains(from), "{from}");
        incompatible_fields(BEFORE, &BEFORE.replace(from, to)).unwrap()
    }

    #[test]
    fn what_grows_by_a_field_with_a_default_is_compatible() {
        assert!(incompatible_fields(BEFORE, BEFORE).unwrap().is_empty());
        assert!(changed("\"long\"}]}", r#""long"}, {"name": "more", "type": ["null", "Uuid"], "default": null}]}"#).is_empty());
        assert!(changed(r#"{"name": "cause", "type": ["null", "Uuid"], "default": null},"#, "").is_empty());
        // a name is the type that it stands for, wherever that is written out
        let moved = r#"{"name": "cause", "type": ["null", {"type": "fixed", "name": "Uuid", "size": 16}], "default": null},
            {"name": "id", "type": "Uuid"},"#;
        let (id, cause) = (
            r#"{"name": "id", "type": {"type": "fixed", "name": "Uuid", "size": 16}},"#,
            r#"{"name": "cause", "type": ["null", "Uuid"], "default": null},"#,
        );
        assert!(incompatible_fields(BEFORE, &BEFORE.replace(cause, "").replace(id, moved)).unwrap().is_empty());
    }

    #[test]
    fn what_one_of_two_could_not_read_is_named() {
        assert_eq!(changed("\"long\"}]}", r#""long"}, {"name": "more", "type": "long"}]}"#), ["more"]);
        assert_eq!(changed(r#", {"name": "at", "type": "long"}"#.trim_start_matches(", "), r#"{"name": "then", "type": "string"}"#), ["at", "then"]);
        assert_eq!(changed(r#""type": "long""#, r#""type": "string""#), ["at"]);
        // longs take ints, but not the other way round
        assert_eq!(changed(r#""type": "long""#, r#""type": "int""#), ["at"]);
        assert_eq!(changed(r#"["A", "B"]"#, r#"["A", "B", "C"]"#), ["kind"]);
        assert_eq!(changed(r#"["null", "Uuid"]"#, r#"["null", "Uuid", "string"]"#), ["cause"]);
        assert_eq!(changed(r#""name": "userId", "type": "Uuid""#, r#""name": "userId", "type": "string""#), ["metadata.userId"]);
        assert_eq!(changed("16", "8"), ["cause", "id", "metadata.userId"]);
        assert_eq!(changed(r#""name": "Envelope""#, r#""name": "Letter""#), ["Envelope", "Letter"]);
        assert_eq!(incompatible_fields(BEFORE, r#""string""#).unwrap(), [r#""string""#, "Envelope"]);
        assert_eq!(incompatible_fields(BEFORE, "{"), None);
    }

    #[test]
    fn a_record_inside_itself_is_compared_once() {
        let tree = r#"{"type": "record", "name": "Tree", "fields": [{"name": "leaf", "type": "long"}, {"name": "below", "type": {"type": "array", "items": "Tree"}}]}"#;
        assert!(incompatible_fields(tree, tree).unwrap().is_empty());
        assert_eq!(incompatible_fields(tree, &tree.replace("long", "string")).unwrap(), ["leaf"]);
    }
}
