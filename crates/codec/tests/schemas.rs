//! Compares the lists with the world: events, schemas, samples, frozen fingerprints.

mod samples;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anamnesis_codec::{EventSchema, all, decode, decode_any, decode_origin, encode_any, encode_origin, find, incompatible_fields};
use anamnesis_domain::system::System;
use anamnesis_domain::{Aggregate, AnyEvent, Event as _, EventKind, Origin, REGISTRY};
use samples::{Json, folder, sample};
use serde_json::Value;
use states::{Source, states};

/// The others are the origin of a command, and the envelope in which Kafka carries an event.
fn is_event(schema: &EventSchema) -> bool {
    !["metadata", "kafka"].contains(&schema.aggregate)
}

fn json(event: &AnyEvent) -> Value {
    event.serialize_payload(serde_json::value::Serializer).expect("payloads are serialisable")
}

#[test]
fn every_event_has_a_schema_and_every_schema_an_event() {
    let events: BTreeSet<_> = REGISTRY.iter().flat_map(|a| a.kinds.iter().map(|k| (a.name, k.name, k.version))).collect();
    let schemas: BTreeSet<_> = all().iter().filter(|s| is_event(s)).map(|s| (s.aggregate, s.name, s.version)).collect();
    let missing: Vec<_> = events.difference(&schemas).collect();
    assert!(missing.is_empty(), "write schemas/<aggregate>/<Event>.v<N>.avsc for {missing:?}");
    let idle: Vec<_> = schemas.difference(&events).collect();
    assert!(idle.is_empty(), "no event is written as {idle:?}: a version that was ever merged stays readable, so declare it in `events!`");
}

#[test]
fn a_sample_survives_rust_and_avro_unchanged() {
    for schema in all().iter().filter(|s| is_event(s)) {
        let what = format!("{}/{}.v{}", schema.aggregate, schema.name, schema.version);
        let sample = sample(schema.aggregate, schema.name, schema.version);
        let event = AnyEvent::decode(schema.aggregate, schema.name, schema.version, Json(sample.clone()))
            .unwrap_or_else(|| panic!("{what}: no such event"))
            .unwrap_or_else(|e| panic!("{what}: the sample is not the event: {e}"));
        if event.kind().version != schema.version {
            continue; // an old version: it reads, and is written as the newest
        }
        assert_eq!(json(&event), sample, "{what}: sample → Rust → JSON");
        let encoded = encode_any(schema.aggregate, &event).unwrap_or_else(|e| panic!("{what}: {e}"));
        let read =
            decode_any(schema.aggregate, schema.name, schema.version, encoded.fingerprint, &encoded.bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(json(&read), sample, "{what}: sample → Avro → JSON");
    }
}

/// A sample fills every field, so here each is emptied in turn: what Rust then still takes, Avro must keep.
#[test]
fn what_may_be_missing_in_rust_may_be_missing_in_avro() {
    for schema in all().iter().filter(|s| is_event(s)) {
        let what = format!("{}/{}.v{}", schema.aggregate, schema.name, schema.version);
        for (field, sparse) in emptied(&sample(schema.aggregate, schema.name, schema.version)) {
            let Some(Ok(event)) = AnyEvent::decode(schema.aggregate, schema.name, schema.version, Json(sparse)) else {
                continue; // it may not be missing
            };
            if event.kind().version != schema.version {
                continue; // an old version: it reads, and is written as the newest
            }
            let encoded = encode_any(schema.aggregate, &event).unwrap_or_else(|e| panic!("{what} without {field}: {e}"));
            let read = decode_any(schema.aggregate, schema.name, schema.version, encoded.fingerprint, &encoded.bytes)
                .unwrap_or_else(|e| panic!("{what} without {field}: {e}"));
            assert_eq!(json(&read), json(&event), "{what} without {field}");
        }
    }
}

/// The value with one field null or one list empty, in every way there is, and the path of what was emptied.
fn emptied(value: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let with = |pointer: &String, nothing: Value| {
        let mut sparse = value.clone();
        *sparse.pointer_mut(pointer).expect("it was collected from there") = nothing;
        (pointer.clone(), sparse)
    };
    pointers.iter().flat_map(|pointer| [with(pointer, Value::Null), with(pointer, Value::Array(vec![]))]).collect()
}

fn collect(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| collect(field, format!("{at}/{name}"), pointers)),
        Value::Array(entries) => entries.iter().enumerate().for_each(|(i, entry)| collect(entry, format!("{at}/{i}"), pointers)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    pointers.push(at);
}

#[test]
fn a_sample_fills_every_field() {
    for schema in all() {
        let sample = sample(schema.aggregate, schema.name, schema.version);
        let parsed: Value = serde_json::from_str(schema.source).expect("the schema is JSON");
        let fields: BTreeSet<_> = parsed["fields"].as_array().expect("a record has fields").iter().filter_map(|f| f["name"].as_str()).collect();
        let filled: BTreeSet<_> = sample.as_object().expect("a sample is an object").keys().map(String::as_str).collect();
        assert_eq!(fields, filled, "{}/{}.v{}: schema and sample name different fields", schema.aggregate, schema.name, schema.version);
    }
}

/// The bytes of version 1 are those of version 2 without its last field, which is one byte.
#[test]
fn an_old_version_is_lifted_for_whoever_knows_the_aggregate_and_for_whoever_does_not() {
    let (old, new) = (sample("system", "ProjectionRebuilt", 1), sample("system", "ProjectionRebuilt", 2));
    let newest = AnyEvent::decode("system", "ProjectionRebuilt", 2, Json(new)).expect("known").expect("readable");
    let encoded = encode_any("system", &newest).expect("writable");
    let fingerprint = find("system", "ProjectionRebuilt", 1).expect("what was merged stays").fingerprint;
    let bytes = &encoded.bytes[..encoded.bytes.len() - 1];
    let lifted = decode_any("system", "ProjectionRebuilt", 1, fingerprint, bytes).expect("readable");
    let mut expected = old;
    expected["act"] = "REBUILT".into();
    assert_eq!(json(&lifted), expected);
    let of_aggregate = decode::<System>("ProjectionRebuilt", 1, fingerprint, bytes).expect("readable");
    assert!(lifted == AnyEvent::System(of_aggregate));
    assert!(decode_any("system", "ProjectionRebuilt", 2, encoded.fingerprint, bytes).is_err(), "it isn't the newest");
}

#[test]
fn an_origin_survives_avro() {
    let origin: Origin = serde_json::from_value(sample("metadata", "Origin", 1)).expect("the sample is an origin");
    let bytes = encode_origin(&origin).expect("an origin is writable");
    assert!(decode_origin(&bytes).expect("and readable") == origin);
}

#[test]
fn bytes_that_are_not_the_event_are_refused() {
    let schema = find("consent", "ConsentRevoked", 1).expect("consents can be revoked");
    let event = AnyEvent::decode("consent", "ConsentRevoked", 1, Json(sample("consent", "ConsentRevoked", 1))).expect("known").expect("readable");
    let mut bytes = encode_any("consent", &event).expect("writable").bytes;
    assert!(decode_any("consent", "ConsentRevoked", 1, [0; 8], &bytes).is_err(), "another fingerprint");
    assert!(decode_any("consent", "ConsentRevoked", 2, schema.fingerprint, &bytes).is_err(), "a version nobody knows");
    bytes.push(0);
    assert!(decode_any("consent", "ConsentRevoked", 1, schema.fingerprint, &bytes).is_err(), "bytes left over");
    bytes.truncate(3);
    assert!(decode_any("consent", "ConsentRevoked", 1, schema.fingerprint, &bytes).is_err(), "bytes missing");
}

/// `schemas/fingerprints.txt` freezes every merged schema. A new one is appended by
/// `ANAMNESIS_FREEZE=1 cargo test -p anamnesis-codec --test schemas`; an existing line never changes.
#[test]
fn a_merged_schema_never_changes() {
    let schemas: Vec<_> = all().iter().map(|schema| (title(schema), hex::encode(schema.fingerprint))).collect();
    let gone = frozen("fingerprints.txt", &schemas, "it was merged and must not change: add a new version beside it");
    assert!(gone.is_empty(), "they are frozen but their files are gone: {gone:?}");
}

/// `schemas/fields.txt` freezes the type and the default of every field of every merged version, so that what a change is about can be named.
#[test]
fn no_field_of_a_merged_version_changes() {
    let fields: Vec<_> = all().iter().flat_map(|schema| fields(&title(schema), schema.source)).collect();
    let changed = changed(&frozen_fields(), &fields);
    assert!(changed.is_empty(), "{}: merged, and must not change: add a new version beside it", changed.join(", "));
    frozen("fields.txt", &fields, "it was merged and must not change: add a new version beside it");
}

#[test]
fn a_change_of_a_merged_version_is_refused_by_its_field() {
    let merged = frozen_fields();
    let revoked = find("consent", "ConsentRevoked", 1).expect("consents can be revoked");
    let changed_by = |from: &str, to: &str| {
        assert!(revoked.source.contains(from), "{from} isn't in {}", revoked.source);
        let others = all().iter().filter(|schema| title(schema) != title(revoked)).flat_map(|schema| fields(&title(schema), schema.source));
        let now: Vec<_> = others.chain(fields(&title(revoked), &revoked.source.replacen(from, to, 1))).collect();
        changed(&merged, &now)
    };
    let (at, reason) = ("consent/ConsentRevoked.v1#revoked_at", "consent/ConsentRevoked.v1#reason");
    assert_eq!(changed_by(r#"["null", "string"]"#, r#""string""#), [reason], "another type");
    assert_eq!(changed_by(r#", "default": null"#, ""), [reason], "no default any more");
    assert_eq!(changed_by(r#""reason""#, r#""why""#), [reason, "consent/ConsentRevoked.v1#why"], "another name");
    assert_eq!(changed_by(r#", "logicalType": "timestamp-micros""#, ""), [at], "another meaning");
    assert_eq!(changed_by(r#""fields": ["#, r#""fields": [{"name": "by", "type": "string"}, "#), ["consent/ConsentRevoked.v1#by"], "one more");
    assert!(changed_by(r#""name": "reason","#, r#""name": "reason", "doc": "In their words.","#).is_empty(), "words for people");
}

/// As the list of what is frozen calls it.
fn title(schema: &EventSchema) -> String {
    format!("{}/{}.v{}", schema.aggregate, schema.name, schema.version)
}

/// Each field of a version, and what of it is frozen: everything but words for people.
fn fields(version: &str, source: &str) -> Vec<(String, String)> {
    let schema: Value = serde_json::from_str(source).expect("the schema is JSON");
    let fields = schema["fields"].as_array().expect("a record has fields").iter();
    let field = |field: &Value| (format!("{version}#{}", field["name"].as_str().expect("a field has a name")), without_words(field).to_string());
    fields.map(field).collect()
}

fn without_words(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(name, _)| *name != "doc").map(|(name, entry)| (name.clone(), without_words(entry)));
            // sorted, whatever the map's own order is
            Value::Object(entries.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
        Value::Array(entries) => entries.iter().map(without_words).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn frozen_fields() -> Vec<String> {
    fs::read_to_string(folder().join("fields.txt")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The fields of merged versions that aren't what they were, are gone, or weren't there.
fn changed(merged: &[String], now: &[(String, String)]) -> Vec<String> {
    let version = |field: &str| field.split('#').next().unwrap_or_default().to_owned();
    let versions: BTreeSet<_> = merged.iter().map(|line| version(line)).collect();
    let now: BTreeSet<_> = now.iter().map(|(name, value)| format!("{name} {value}")).filter(|line| versions.contains(&version(line))).collect();
    let differing = merged.iter().filter(|line| !now.contains(*line)).chain(now.iter().filter(|line| !merged.contains(line)));
    let names: BTreeSet<_> = differing.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.into_iter().collect()
}

/// Whoever reads Kafka by an earlier envelope goes on, and by a later one reads what is there. The registry is asked for the same on start.
#[test]
fn every_version_of_the_envelope_is_readable_with_any_other() {
    let envelopes: Vec<_> = all().iter().filter(|schema| !schema.is_sealed_inside()).collect();
    for (one, other) in envelopes.iter().flat_map(|one| envelopes.iter().map(move |other| (one, other))) {
        let fields = incompatible_fields(one.source, other.source).expect("schemas are schemas");
        assert!(
            fields.is_empty(),
            "{} and {} don't go together because of {fields:?}: a field needs a default to come or go",
            title(one),
            title(other)
        );
    }
}

/// `schemas/states.txt` freezes what the samples fold to. A snapshot holds such a state: whoever changes what comes out of the
/// same events makes every stored one wrong, and must say so.
#[test]
fn a_state_that_changes_has_another_snapshot_version() {
    let _of_older_versions =
        frozen("states.txt", &states(&Samples), "the same events fold to something else: raise the aggregate's SNAPSHOT_VERSION");
}

/// The samples as events.
struct Samples;

impl Source for Samples {
    fn event<A: Aggregate>(&self, kind: &EventKind) -> A::Event {
        let read = A::Event::decode(kind.name, kind.version, Json(sample(A::TYPE, kind.name, kind.version)));
        read.expect("it is its kind").unwrap_or_else(|error| panic!("every kind of {} has a sample: {}: {error}", A::TYPE, kind.name))
    }
}

/// Compares with what a file in `schemas/` freezes, or adds to it; the names in it that are gone.
fn frozen(file: &str, now: &[(String, String)], if_changed: &str) -> Vec<String> {
    let path = folder().join(file);
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
    let freezes = std::env::var_os("ANAMNESIS_FREEZE").is_some();
    for (name, value) in now {
        let line = format!("{name} {value}");
        match lines.iter().find(|known| known.split(' ').next() == Some(name)) {
            Some(known) => assert_eq!(*known, line, "{name}: {if_changed}"),
            None if freezes => lines.push(line),
            None => panic!("{name} is new: freeze it with ANAMNESIS_FREEZE=1 cargo test -p anamnesis-codec --test schemas"),
        }
    }
    if freezes {
        lines.sort();
        fs::write(path, lines.join("\n") + "\n").expect("schemas/ is writable");
    }
    let is_there = |name: &str| now.iter().any(|(known, _)| known == name);
    lines.iter().filter_map(|line| line.split(' ').next()).filter(|name| !is_there(name)).map(str::to_owned).collect()
}
