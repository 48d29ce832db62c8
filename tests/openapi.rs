//! Is the description true?

use std::collections::BTreeSet;

use anamnesis_tests::clinic;
use serde_json::Value;

fn document() -> Value {
    clinic().server.anonymous().get("/openapi.json").expect(200).json()
}

#[test]
fn the_description_is_openapi_3_1_and_its_references_lead_somewhere() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_an_answer_and_its_path_parameters() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no operationId"));
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()), "{place} answers nothing");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let described: BTreeSet<_> = parameters.iter().filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            let in_path: BTreeSet<_> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            assert_eq!(described, in_path, "{place}");
        }
    }
}

#[test]
fn the_description_lists_what_was_promised() {
    let document = document();
    let promised = [
        ("post", "/v1/auth/login"),
        ("post", "/v1/auth/logout"),
        ("get", "/v1/patients"),
        ("get", "/v1/patients/{id}"),
        ("get", "/v1/patients/{id}/history"),
        ("get", "/v1/patients/{id}/history/diff"),
        ("get", "/v1/patients/{id}/disclosures"),
        ("post", "/v1/patients"),
        ("get", "/v1/appointments"),
        ("get", "/v1/appointments/{id}"),
        ("post", "/v1/appointments"),
        ("post", "/v1/appointments/{id}/reschedule"),
        ("get", "/v1/records"),
        ("get", "/v1/records/{id}"),
        ("get", "/v1/records/{id}/versions"),
        ("post", "/v1/records"),
        ("post", "/v1/records/{id}/attach-document"),
        ("post", "/v1/records/{id}/detach-document"),
        ("get", "/v1/documents"),
        ("get", "/v1/documents/{id}"),
        ("post", "/v1/documents"),
        ("post", "/v1/documents/{id}/verify-checksum"),
        ("get", "/v1/insights"),
        ("get", "/v1/insights/{id}"),
        ("post", "/v1/insights"),
        ("post", "/v1/insights/{id}/accept"),
        ("post", "/v1/insights/{id}/override"),
        ("get", "/v1/models"),
        ("get", "/v1/models/{id}"),
        ("post", "/v1/models"),
        ("post", "/v1/models/{id}/activate"),
        ("post", "/v1/models/{id}/find-prediction"),
        ("get", "/v1/predictions"),
        ("get", "/v1/predictions/{id}"),
        ("post", "/v1/predictions"),
        ("post", "/v1/predictions/{id}/record-outcome"),
        ("get", "/v1/providers"),
        ("get", "/v1/providers/{id}"),
        ("post", "/v1/providers"),
        ("get", "/v1/organizations"),
        ("get", "/v1/facilities"),
        ("get", "/v1/accounts"),
        ("get", "/v1/accounts/{id}"),
        ("post", "/v1/accounts"),
        ("get", "/v1/consents"),
        ("post", "/v1/consents"),
        ("get", "/v1/log/checkpoint"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
    ];
    let missing: Vec<_> = promised.into_iter().filter(|(method, path)| document["paths"][path][method].is_null()).collect();
    assert_eq!(missing, []);
}

#[test]
fn what_is_described_as_an_answer_is_what_is_answered() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let answer = clinic.doctor().get_after(&format!("/v1/patients/{id}"), &format!("patient/{id}@1")).expect(200).json();
    let document = document();
    let mut schema = &document["paths"]["/v1/patients/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
    }
    let described: BTreeSet<_> = schema["properties"].as_object().unwrap_or_else(|| panic!("{schema}")).keys().collect();
    let undescribed: Vec<_> = answer.as_object().unwrap().keys().filter(|key| !described.contains(key)).collect();
    assert_eq!(undescribed, Vec::<&String>::new());
    let required: Vec<_> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).filter(|key| answer.get(key).is_none()).collect();
    assert_eq!(required, Vec::<&str>::new());
}

#[test]
fn the_browsable_page_is_served_from_here_alone() {
    let anonymous = clinic().server.anonymous();
    let page = anonymous.get("/docs/").expect(200);
    assert!(page.must("content-type").starts_with("text/html"));
    assert!(!page.text().contains("https://"), "nothing is loaded from elsewhere: {}", page.text());
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            references.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|inner| collect_references(inner, references));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect_references(inner, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
