//! Compares what a schema allows with what its type allows: choices, and what may be missing.

mod samples;

use std::collections::BTreeSet;

use anamnesis_codec::{EventSchema, all, decode_any, encode_any};
use anamnesis_domain::AnyEvent;
use apache_avro::Schema;
use apache_avro::schema::{Name, Names};
use samples::{Json, sample};
use serde_json::Value;

fn events() -> impl Iterator<Item = (&'static EventSchema, Value)> {
    let events = all().iter().filter(|schema| !["metadata", "kafka"].contains(&schema.aggregate));
    events.map(|schema| (schema, sample(schema.aggregate, schema.name, schema.version)))
}

fn read(schema: &EventSchema, payload: Value) -> Result<AnyEvent, serde_json::Error> {
    AnyEvent::decode(schema.aggregate, schema.name, schema.version, Json(payload)).expect("every schema has an event")
}

/// Every value inside a sample: where it is, and its schema.
struct Place {
    pointer: String,
    schema: Schema,
}

fn places(schema: &EventSchema, sample: &Value) -> Vec<Place> {
    let mut names = Names::new();
    name(schema.schema, &mut names);
    let mut places = Vec::new();
    walk(schema.schema, &names, sample, String::new(), &mut places);
    places
}

fn name(schema: &Schema, names: &mut Names) {
    if let Some(name) = schema.name() {
        names.entry(Name::clone(name)).or_insert_with(|| schema.clone());
    }
    parts(schema).for_each(|(_, part)| self::name(part, names));
}

fn parts(schema: &Schema) -> Box<dyn Iterator<Item = (Option<&str>, &Schema)> + '_> {
    if let Schema::Record(record) = schema {
        Box::new(record.fields.iter().map(|field| (Some(field.name.as_str()), &field.schema)))
    } else if let Schema::Array(array) = schema {
        Box::new(std::iter::once((None, &*array.items)))
    } else if let Schema::Union(union) = schema {
        Box::new(union.variants().iter().filter(|variant| !matches!(variant, Schema::Null)).map(|variant| (None, variant)))
    } else {
        Box::new(std::iter::empty())
    }
}

fn walk(schema: &Schema, names: &Names, value: &Value, pointer: String, found: &mut Vec<Place>) {
    if let Schema::Ref { name } = schema {
        return walk(&names[name], names, value, pointer, found);
    }
    for (field, part) in parts(schema) {
        if let (Schema::Array(_), Value::Array(items)) = (schema, value) {
            items.iter().enumerate().for_each(|(i, item)| walk(part, names, item, format!("{pointer}/{i}"), found));
        } else if let Some(field) = field {
            walk(part, names, &value[field], format!("{pointer}/{field}"), found);
        } else if !value.is_null() {
            walk(part, names, value, pointer.clone(), found);
        }
    }
    found.push(Place { pointer, schema: schema.clone() });
}

fn with(sample: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = sample.clone();
    *changed.pointer_mut(pointer).expect("the place was found in the sample") = value;
    changed
}

/// The choices that a type knows, as serde lists them when it is given another one.
fn known(error: &serde_json::Error) -> BTreeSet<String> {
    let text = error.to_string();
    let (_, expected) = text.split_once(", expected ").unwrap_or_else(|| panic!("not the refusal of a choice: {text}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_schema_and_its_type_know_the_same_choices() {
    let mut compared = 0;
    for (schema, sample) in events() {
        for Place { pointer, schema: place } in places(schema, &sample) {
            let Schema::Enum(choices) = place else { continue };
            let refusal = read(schema, with(&sample, &pointer, "no such choice".into())).expect_err("no such choice");
            let symbols: BTreeSet<String> = choices.symbols.iter().cloned().collect();
            assert_eq!(known(&refusal), symbols, "{}/{}: {pointer}", schema.aggregate, schema.name);
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} choices were found in the samples");
}

#[test]
fn what_may_be_missing_survives_missing() {
    let mut survived = 0;
    for (schema, sample) in events() {
        for Place { pointer, schema: place } in places(schema, &sample) {
            let less = if matches!(place, Schema::Union(_)) {
                Value::Null
            } else if matches!(place, Schema::Array(_)) {
                Value::Array(vec![])
            } else {
                continue;
            };
            let less = with(&sample, &pointer, less);
            let what = format!("{}/{}: {pointer}", schema.aggregate, schema.name);
            let Ok(event) = read(schema, less.clone()) else { continue }; // some types want exactly one of several
            if event.kind().version != schema.version {
                continue; // an old version: it reads, and is written as the newest
            }
            let encoded = encode_any(schema.aggregate, &event).unwrap_or_else(|e| panic!("{what}: {e}"));
            let read = decode_any(schema.aggregate, schema.name, schema.version, encoded.fingerprint, &encoded.bytes)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(read.serialize_payload(serde_json::value::Serializer).expect("payloads are serialisable"), less, "{what}");
            survived += 1;
        }
    }
    assert!(survived > 200, "only {survived} places of the samples could be left out");
}
