//! What may an analyst see of an event? Nothing that identifies a person (45 CFR 164.514(b)(2), Safe Harbor).
//!
//! By the event's schema, and only what is known to be harmless stays: choices, codes of a code system, numbers, yes and
//! no. Every other text goes, and so does a number that its schema calls `identifying`: by the size of a file to the byte,
//! whoever has the file knows it again. Of times and dates the year stays; a year of which only somebody over 89 can tell
//! becomes "or before". Ids become pseudonyms that hold under one secret and nowhere else.

use anamnesis_domain::{Opened, Recorded};
use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{envelope, payload};
use crate::{CodecError, find};

/// From this age on, years tell too much.
const OLDEST_TOLD: i32 = 89;

/// Makes events say nothing about who somebody is.
pub struct Deidentifier {
    secret: [u8; 32],
    first_year_told: i32,
}

impl Deidentifier {
    /// The pseudonyms of one reader: who knows the secret can tell whether one stands for an id, so nobody else may.
    pub fn new(secret: [u8; 32], now: DateTime<Utc>) -> Self {
        Self { secret, first_year_told: now.year() - OLDEST_TOLD }
    }

    pub(super) fn tell(&self, event: &Recorded) -> Result<Map<String, Value>, CodecError> {
        let mut told = envelope(event);
        told.insert("aggregateId".to_owned(), json!(self.pseudonym(event.aggregate_id)));
        told.insert("subjectId".to_owned(), json!(self.pseudonym(event.subject_id)));
        told.insert("year".to_owned(), self.year(&event.logged_at.to_string()));
        told.insert("data".to_owned(), self.data(event)?);
        Ok(told)
    }

    fn data(&self, event: &Recorded) -> Result<Value, CodecError> {
        let Opened::Value(happened) = &event.event else { return Ok(Value::Null) };
        let kind = happened.kind();
        let unknown = || CodecError::UnknownKind { aggregate: event.aggregate_type.to_owned(), name: kind.name.to_owned(), version: kind.version };
        let schema = find(event.aggregate_type, kind.name, kind.version).ok_or_else(unknown)?;
        let schema: Value = serde_json::from_str(schema.source).map_err(|_| unknown())?;
        let mut named = Map::new();
        collect_named(&schema, &mut named);
        Ok(self.reduce(&schema, &payload(event)?, &named))
    }

    /// `value` as far as its schema says that it is harmless.
    fn reduce(&self, schema: &Value, value: &Value, named: &Map<String, Value>) -> Value {
        match schema {
            _ if value.is_null() => Value::Null,
            Value::Array(union) => {
                union.iter().find(|branch| branch.as_str() != Some("null")).map_or(Value::Null, |branch| self.reduce(branch, value, named))
            }
            Value::String(name) => match name.as_str() {
                "boolean" | "int" | "long" | "float" | "double" => value.clone(),
                name => named.get(name).map_or(Value::Null, |schema| self.reduce(schema, value, named)),
            },
            Value::Object(schema) => self.reduce_typed(schema, value, named),
            Value::Null | Value::Bool(_) | Value::Number(_) => Value::Null,
        }
    }

    fn reduce_typed(&self, schema: &Map<String, Value>, value: &Value, named: &Map<String, Value>) -> Value {
        let text = |key| schema.get(key).and_then(Value::as_str);
        match (text("type"), text("logicalType")) {
            (_, Some("uuid")) => value.as_str().and_then(|id| id.parse().ok()).map_or(Value::Null, |id: Uuid| json!(self.pseudonym(id))),
            (_, Some("timestamp-micros" | "date")) => self.year(value.as_str().unwrap_or_default()),
            (Some("array"), _) => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                value.as_array().map_or(Value::Null, |values| values.iter().map(|value| self.reduce(items, value, named)).collect())
            }
            (Some("record"), _) if text("name") == Some("Coding") => json!({"system": value.get("system"), "code": value.get("code")}),
            (Some("record"), _) => self.reduce_record(schema, value, named),
            (Some("enum"), _) | (Some("boolean" | "int" | "long" | "float" | "double"), None) => value.clone(),
            _ => schema.get("type").filter(|inner| !inner.is_string()).map_or(Value::Null, |inner| self.reduce(inner, value, named)),
        }
    }

    fn reduce_record(&self, schema: &Map<String, Value>, value: &Value, named: &Map<String, Value>) -> Value {
        let fields = schema.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let reduced = fields.iter().filter_map(|field| {
            let name = field.get("name")?.as_str()?;
            let is_identifying = field.get("identifying") == Some(&Value::Bool(true));
            let told = if is_identifying { Value::Null } else { self.reduce(field.get("type")?, value.get(name)?, named) };
            Some((name.to_owned(), told))
        });
        Value::Object(reduced.collect())
    }

    fn pseudonym(&self, id: Uuid) -> Uuid {
        let digest: [u8; 32] = Sha256::new().chain_update(self.secret).chain_update(id.as_bytes()).finalize().into();
        Uuid::new_v8(std::array::from_fn(|i| digest[i]))
    }

    fn year(&self, time: &str) -> Value {
        let Some(year) = time.split('-').next().and_then(|year| year.parse::<i32>().ok()) else { return Value::Null };
        if year < self.first_year_told { json!(format!("{} or before", self.first_year_told - 1)) } else { json!(year) }
    }
}

/// Every named type of a schema, by name: Avro writes a type out once and names it afterwards.
fn collect_named(schema: &Value, named: &mut Map<String, Value>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| collect_named(branch, named)),
        Value::Object(object) => {
            if let (Some(name), Some("record" | "enum" | "fixed")) =
                (object.get("name").and_then(Value::as_str), object.get("type").and_then(Value::as_str))
            {
                named.insert(name.to_owned(), schema.clone());
            }
            for key in ["type", "items", "values"] {
                object.get(key).into_iter().for_each(|inner| collect_named(inner, named));
            }
            object.get("fields").and_then(Value::as_array).into_iter().flatten().for_each(|field| collect_named(field, named));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(schema: &Value, value: &Value) -> Value {
        let mut named = Map::new();
        collect_named(schema, &mut named);
        Deidentifier { secret: [7; 32], first_year_told: 1937 }.reduce(schema, value, &named)
    }

    #[test]
    fn texts_go_and_choices_codes_numbers_and_years_stay() {
        let coding = json!({"type": "record", "name": "Coding", "fields": [
            {"name": "system", "type": ["null", "string"]}, {"name": "code", "type": "string"}, {"name": "display", "type": ["null", "string"]}]});
        let schema = json!({"type": "record", "name": "R", "fields": [
            {"name": "family", "type": "string"},
            {"name": "gender", "type": {"type": "enum", "name": "G", "symbols": ["FEMALE"]}},
            {"name": "code", "type": coding},
            {"name": "more", "type": {"type": "array", "items": "Coding"}},
            {"name": "stars", "type": "int"},
            {"name": "bytes", "type": "long", "identifying": true},
            {"name": "born", "type": {"type": "int", "logicalType": "date"}},
            {"name": "old", "type": ["null", {"type": "int", "logicalType": "date"}]}]});
        let coded = json!({"system": "http://loinc.org", "code": "8302-2", "display": "Body Height"});
        let value = json!({"family": "Glover", "gender": "FEMALE", "code": coded, "more": [coded], "stars": 4, "bytes": 48_213, "born": "1980-05-17", "old": "1931-01-01"});
        let kept = json!({"system": "http://loinc.org", "code": "8302-2"});
        assert_eq!(
            reduce(&schema, &value),
            json!({"family": null, "gender": "FEMALE", "code": kept, "more": [kept], "stars": 4, "bytes": null, "born": 1980, "old": "1936 or before"})
        );
    }

    #[test]
    fn a_pseudonym_holds_under_its_secret_only() {
        let [one, again, other] = [7, 7, 8].map(|byte| Deidentifier::new([byte; 32], Utc::now()));
        let id = Uuid::from_u128(5);
        assert_eq!(one.pseudonym(id), again.pseudonym(id));
        assert_ne!(one.pseudonym(id), id);
        assert_ne!(one.pseudonym(id), other.pseudonym(id));
    }
}
