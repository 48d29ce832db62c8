//! Does everything that the specification names still live where `docs/specification-map.md` says?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anamnesis_tests::clinic;
use serde_json::Value;

const MAP: &str = "docs/specification-map.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks and names a kind, in the map's own words.
fn targets() -> BTreeSet<(String, String)> {
    let map = text(&root().join(MAP));
    let quoted = map.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|quoted| quoted.split_once(':')).filter(|(kind, target)| KINDS.contains(kind) && !target.is_empty());
    named.map(|(kind, target)| (kind.to_owned(), target.to_owned())).collect()
}

const KINDS: [&str; 6] = ["event", "column", "route", "type", "test", "file"];

/// The targets of a kind that aren't there.
fn missing(kind: &str, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let targets: Vec<String> = targets().into_iter().filter(|(of, _)| of == kind).map(|(_, target)| target).collect();
    assert!(!targets.is_empty(), "the map names no {kind}");
    targets.into_iter().filter(|target| !is_there(target)).collect()
}

#[test]
fn every_row_says_where_or_that_there_is_no_home_yet() {
    let map = text(&root().join(MAP));
    let rows: Vec<&str> =
        map.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| document item") && !line.starts_with("|---")).collect();
    assert!(rows.len() > 80, "only {} rows", rows.len());
    let says_where = |row: &&&str| row.contains('`') || row.contains("no home yet") || row.ends_with("| – |");
    let silent: Vec<_> = rows.iter().filter(|row| !says_where(row)).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn every_event_and_field_of_the_map_is_in_a_schema() {
    let is_there = |target: &str| {
        let (event, field) = target.split_once('#').unwrap_or((target, ""));
        let Ok(schema) = fs::read_to_string(root().join("schemas").join(format!("{event}.avsc"))) else { return false };
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let mut types = BTreeMap::new();
        name_types(&schema, &mut types);
        field.split('.').filter(|part| !part.is_empty()).try_fold(&schema, |schema, part| field_of(schema, part, &types)).is_some()
    };
    let missing = missing("event", is_there);
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Avro names a type where it first stands.
fn name_types<'a>(schema: &'a Value, types: &mut BTreeMap<&'a str, &'a Value>) {
    match schema {
        Value::Object(object) => {
            if let (Some(name), Some("record")) = (object.get("name").and_then(Value::as_str), object.get("type").and_then(Value::as_str)) {
                types.insert(name, schema);
            }
            object.values().for_each(|part| name_types(part, types));
        }
        Value::Array(parts) => parts.iter().for_each(|part| name_types(part, types)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The type of a field, through unions and arrays.
fn field_of<'a>(schema: &'a Value, field: &str, types: &BTreeMap<&'a str, &'a Value>) -> Option<&'a Value> {
    match schema {
        Value::String(name) => field_of(types.get(name.as_str())?, field, types),
        Value::Array(choices) => choices.iter().find_map(|choice| field_of(choice, field, types)),
        Value::Object(object) => match object.get("fields").and_then(Value::as_array) {
            Some(fields) => fields.iter().find(|candidate| candidate["name"] == field).map(|found| &found["type"]),
            None => field_of(object.get("items").or_else(|| object.get("type"))?, field, types),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[test]
fn every_column_of_the_map_is_in_a_table() {
    let mut columns = BTreeSet::new();
    for folder in fs::read_dir(root().join("projections")).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(sql) = fs::read_to_string(folder.join("table.sql")) else { continue };
        for table in sql.split("create table ").skip(1) {
            let (name, body) = table.split_once(" (").unwrap();
            columns.insert(name.to_owned());
            let (body, _) = body.split_once("\n)").unwrap();
            columns.extend(body.lines().filter_map(|line| Some(format!("{name}.{}", line.split_whitespace().next()?))));
        }
    }
    let missing =
        missing("column", |target| ["read.", "audit."].iter().any(|schema| target.strip_prefix(schema).is_some_and(|rest| columns.contains(rest))));
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_route_of_the_map_is_served() {
    let document = clinic().server.anonymous().get("/openapi.json").expect(200).json();
    let is_there = |target: &str| {
        let (method, path) = target.split_once(' ').unwrap();
        document["paths"][path][method.to_lowercase()].is_object()
    };
    let missing = missing("route", is_there);
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_type_test_and_file_of_the_map_is_there() {
    let mut sources = String::new();
    gather(&root().join("crates/domain/src"), &mut sources);
    let is_type = |target: &str| {
        let name = target.rsplit("::").next().unwrap();
        // some are made by macros, so their names are looked for alone
        target.starts_with("anamnesis_domain::") && has_word(&sources, name)
    };
    let is_file = |target: &str| root().join(target).exists();
    let is_test = |target: &str| match target.split_once('#') {
        Some((file, name)) => is_file(file) && text(&root().join(file)).contains(&format!("fn {name}()")),
        None => is_file(target),
    };
    let missing = [missing("type", is_type), missing("test", is_test), missing("file", is_file)].concat();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn has_word(sources: &str, word: &str) -> bool {
    sources.match_indices(word).any(|(at, _)| !sources[at + word.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_'))
}

fn gather(folder: &Path, sources: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { gather(&path, sources) } else { sources.push_str(&text(&path)) }
    }
}
