//! Which lists does the program offer, and what can be asked of each? Its own description says so: a filter that is added is asked for
//! from then on.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// What isn't a filter, or is answered from the log.
const NO_FILTERS: [&str; 3] = ["limit", "cursor", "as_of"];
/// Rows that are folded when they are asked for.
const FROM_THE_LOG: [&str; 1] = ["/v1/records/{id}/versions"];
const DAY: i64 = 86_400_000_000;

/// What filters are asked for that are neither a choice, an id, a time nor a truth.
const ASKED_FOR: [(&str, &str); 13] = [
    ("number", "N-4711"),
    ("name", "Garcia"),
    ("family", "Garcia"),
    ("phone", "+12125550123"),
    ("email", "nobody@clinic.example"),
    ("identifier", "078-05-1120"),
    ("code", "http://loinc.org|4548-4"),
    ("version", "1.0.0"),
    ("language", "en"),
    ("words", "headache"),
    ("resource_type", "patient"),
    ("min_rating", "4"),
    ("status", "ACTIVE"),
];

/// A route that answers rows of a table.
pub(crate) struct Offered {
    /// Its path, with an id in it where it takes one.
    pub(crate) path: String,
    /// The table.
    pub(crate) table: String,
    /// What can be asked of it: names and values.
    filters: Vec<(String, String)>,
}

impl Offered {
    /// Every route that answers a row of a table, or a page of them. `some` is the id of what is there.
    pub(crate) fn all(document: &Value, some: Uuid, day: i64) -> Result<Vec<Self>> {
        let paths = document["paths"].as_object().context("the description has no paths")?;
        let answer = |operation: &Value| {
            let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let reference = schema["properties"]["items"]["items"]["$ref"].as_str().or(schema["$ref"].as_str())?;
            Some(reference.strip_prefix("#/components/schemas/rows.")?.to_owned())
        };
        let mut offered = Vec::new();
        for (path, item) in paths.iter().filter(|(path, _)| !FROM_THE_LOG.contains(&path.as_str())) {
            let operation = &item["get"];
            let Some(table) = answer(operation) else { continue };
            let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            let asked = parameters.iter().filter(|one| one["in"] == "query" && !NO_FILTERS.iter().any(|name| one["name"] == *name));
            let filters =
                asked.map(|one| filter(document, one, some, day).with_context(|| format!("what to ask of {path}"))).collect::<Result<_>>()?;
            offered.push(Self { path: path.replace("{id}", &some.to_string()), table, filters });
        }
        Ok(offered)
    }

    /// Nothing in particular, each filter, each two of them, and all.
    pub(crate) fn combinations(&self) -> Vec<Vec<&(String, String)>> {
        let each = (0..self.filters.len()).map(|one| vec![one]);
        let pairs = (0..self.filters.len()).flat_map(|one| (one + 1..self.filters.len()).map(move |other| vec![one, other]));
        let all = (self.filters.len() > 2).then(|| (0..self.filters.len()).collect());
        let chosen = std::iter::once(Vec::new()).chain(each).chain(pairs).chain(all);
        chosen.map(|places| places.into_iter().map(|place| &self.filters[place]).collect()).collect()
    }

    /// The names of all filters.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().map(|(name, _)| name.as_str())
    }
}

/// A query string.
pub(crate) fn query(filters: &[&(String, String)], cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filters.iter().map(|(name, value)| (name, value)));
    query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
    query.finish()
}

/// Words that mean something to the program: those of its choices, and a few that fit where a text has a form.
pub(crate) fn words(document: &Value) -> Result<Vec<String>> {
    let mut words = Vec::new();
    collect(document, &mut words);
    for schema in anamnesis_codec::all() {
        collect(&serde_json::from_str(schema.source)?, &mut words);
    }
    words.sort_unstable();
    words.dedup();
    let forms = ["http://loinc.org|4548-4", "en", "Europe/Berlin", "1.0.0", "general", "PHI"];
    Ok(forms.iter().map(ToString::to_string).chain(words).collect())
}

fn collect(part: &Value, words: &mut Vec<String>) {
    match part {
        Value::Array(parts) => parts.iter().for_each(|part| collect(part, words)),
        Value::Object(parts) => parts.values().for_each(|part| collect(part, words)),
        Value::String(text) if is_choice(text) => words.push(text.clone()),
        Value::String(text) => words.extend(named(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The choices that a sentence names in backticks.
fn named(sentence: &str) -> impl Iterator<Item = String> {
    sentence.split('`').skip(1).step_by(2).filter(|word| is_choice(word)).map(str::to_owned)
}

fn is_choice(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn filter(document: &Value, parameter: &Value, some: Uuid, day: i64) -> Result<(String, String)> {
    let name = parameter["name"].as_str().context("a parameter has no name")?;
    let schema = resolved(document, &parameter["schema"]);
    let choice = || schema["enum"].as_array()?.first()?.as_str().map(str::to_owned);
    let time = |micros| DateTime::<Utc>::from_timestamp_micros(micros);
    let of_format = || match schema["format"].as_str()? {
        "uuid" => Some(some.to_string()),
        "date-time" if name == "from" => Some(time(day)?.to_rfc3339()),
        "date-time" => Some(time(day + DAY)?.to_rfc3339()),
        "date" => Some(time(day)?.date_naive().to_string()),
        _ => None,
    };
    let of_type = || has_type(schema, "boolean").then(|| "true".to_owned());
    let known = || ASKED_FOR.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
    let described = || named(parameter["description"].as_str()?).next();
    let value = choice().or_else(of_format).or_else(of_type).or_else(described).or_else(known);
    Ok((name.to_owned(), value.with_context(|| format!("nobody says which `{name}` to ask for"))?))
}

/// The schema itself, of one that may be a reference or null.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let one_of = schema["oneOf"].as_array().and_then(|parts| parts.iter().find(|part| part["type"] != "null"));
    let schema = one_of.unwrap_or(schema);
    let reference = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    reference.unwrap_or(schema)
}

fn has_type(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": {
                "/v1/things": { "get": {
                    "parameters": [
                        { "in": "query", "name": "status", "description": "`OPEN` or `CLOSED`.", "schema": { "type": ["string", "null"] } },
                        { "in": "query", "name": "kind", "schema": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Kind" }] } },
                        { "in": "query", "name": "cursor", "schema": { "type": "string" } },
                    ],
                    "responses": { "200": { "content": { "application/json": { "schema": { "properties": {
                        "items": { "items": { "$ref": "#/components/schemas/rows.things" } } } } } } } },
                } },
                "/health": { "get": { "responses": {} } },
            },
            "components": { "schemas": { "Kind": { "enum": ["LARGE", "SMALL"] } } },
        })
    }

    #[test]
    fn every_filter_is_asked_for_alone_and_with_each_other() {
        let offered = Offered::all(&document(), Uuid::nil(), 0).unwrap();
        assert_eq!(offered.len(), 1);
        assert_eq!((offered[0].path.as_str(), offered[0].table.as_str()), ("/v1/things", "things"));
        let asked: Vec<_> = offered[0].combinations().iter().map(|filters| query(filters, None)).collect();
        assert_eq!(asked, ["", "status=OPEN", "kind=LARGE", "status=OPEN&kind=LARGE"]);
    }

    #[test]
    fn a_filter_that_nobody_knows_a_value_for_is_told() {
        let mut document = document();
        document["paths"]["/v1/things"]["get"]["parameters"][0] = json!({ "in": "query", "name": "mood", "schema": { "type": "string" } });
        let error = Offered::all(&document, Uuid::nil(), 0).err().unwrap();
        assert_eq!(format!("{error:#}"), "what to ask of /v1/things: nobody says which `mood` to ask for");
    }
}
