//! The lists that others keep of the routes, compared with the routes.

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_api::{ANONYMOUS, document};
use serde_json::{Value, json};

use crate::world::World;

fn operations() -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(document()).unwrap();
    let paths: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_value(document["paths"].clone()).unwrap();
    let methods =
        |(path, item): (String, BTreeMap<String, Value>)| item.into_iter().map(move |(method, operation)| (path.clone(), method, operation));
    paths.into_iter().flat_map(methods).collect()
}

#[test]
fn the_anonymous_routes_are_those_of_the_list() {
    let anonymous: BTreeSet<_> =
        operations().into_iter().filter(|(_, _, operation)| operation["security"] == json!([{}])).map(|(path, ..)| path).collect();
    let listed: BTreeSet<_> = ANONYMOUS.iter().filter(|path| !["/docs", "/openapi.json"].contains(path)).map(ToString::to_string).collect();
    assert_eq!(anonymous, listed, "put every route without sign-in into ANONYMOUS, or protect it");
}

#[tokio::test]
async fn without_a_sign_in_every_other_route_answers_so() {
    let world = World::new().await;
    let nobody = world.nobody();
    let operations = operations();
    assert!(operations.len() > 90, "{}", operations.len());
    for (path, method, _) in operations.iter().filter(|(path, ..)| !ANONYMOUS.contains(&path.as_str())) {
        let path = path.replace("{id}", "0198c0de-0000-7000-8000-000000000001").replace("{topic}", "patient-events");
        assert!(!path.contains('{'), "give {path} a value for the test");
        let answer = if method == "get" { nobody.get(&path).await } else { nobody.post(&path, &json!({})).await };
        answer.is_problem(401, None);
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
    }
    for path in ["/docs/", "/openapi.json", "/health/live", "/health/ready", "/v1/log/checkpoint"] {
        assert_ne!(nobody.get(path).await.status, 401, "{path}");
        assert_ne!(nobody.get(path).await.status, 404, "{path}");
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let document = serde_json::to_value(document()).unwrap();
    let mut missing = BTreeSet::new();
    references(&document, &mut |reference| {
        let pointer = reference.trim_start_matches('#');
        if document.pointer(pointer).is_none() {
            missing.insert(reference.to_owned());
        }
    });
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn every_operation_says_what_it_is_what_it_takes_and_what_it_answers() {
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} is the id of two operations");
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path} doesn't say what it does");
        assert!(operation["responses"].as_object().is_some_and(|answers| answers.keys().any(|status| status.starts_with('2'))), "{method} {path}");
        let described: Vec<_> =
            operation["parameters"].as_array().into_iter().flatten().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            assert!(described.contains(&name), "{method} {path} doesn't describe {name}");
        }
    }
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                found(reference);
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(array) => array.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
