//! Does anything at all make the planner panic?

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{CLINIC, now, outcomes, resolver};
use anamnesis_fhir::Bundle;

/// Any JSON, of a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("2024-02-29")),
        Just(json!("9999-12-31T23:59:60.999999999-23:59")),
        Just(json!("Patient/ines")),
        Just(json!("%%4|?identifier=|")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(fields()), inner), 0..4)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every name of a field in the clinic.
fn fields() -> Vec<String> {
    fn collect(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                names.push(name.clone());
                collect(value, names);
            }),
            Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = Vec::new();
    collect(&serde_json::from_str(CLINIC).unwrap(), &mut names);
    names.sort();
    names.dedup();
    names
}

fn resources() -> Vec<Value> {
    let clinic: Value = serde_json::from_str(CLINIC).unwrap();
    clinic["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

/// The value at the nth place of a resource, counted through all of it.
fn nth<'v>(value: &'v mut Value, at: &mut usize) -> Option<&'v mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().find_map(|value| nth(value, at)),
        Value::Array(values) => values.iter_mut().find_map(|value| nth(value, at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(bundle) = Bundle::read(&bytes) {
            let resolver = resolver();
            let scope = resolver.scope(&bundle);
            for entry in bundle.entries() {
                let _ = scope.plan(entry, now());
            }
        }
    }

    #[test]
    fn any_json_as_entries_is_planned_or_refused(entries in prop::collection::vec(any_json(), 0..4)) {
        let _ = outcomes(&json!({"resourceType": "Bundle", "entry": entries}).to_string());
    }

    #[test]
    fn any_resource_with_any_value_anywhere_is_planned_or_refused(
        resource in prop::sample::select(resources()), at in 0..60_usize, value in any_json(), url in "\\PC{0,20}"
    ) {
        let mut resource = resource;
        if let Some(place) = nth(&mut resource, &mut at.clone()) {
            *place = value;
        }
        let file = json!({"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": resource}]});
        prop_assert_eq!(outcomes(&file.to_string()).len(), 1);
    }
}
