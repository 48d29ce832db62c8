//! What does somebody learn who sends nonsense? Which field is wrong, never what was in it; and nothing was written.

use anamnesis_tests::{Answer, Client, Request, Role, clinic, new_patient, unique_name};
use serde_json::{Value, json};

/// Stands in what is sent, and must stand nowhere in what comes back.
const SENT: &str = "Zzyzxqwv";

/// Sends it as somebody of its own and checks that it was refused, named, not repeated and not written.
#[track_caller]
fn refused(status: u16, field: Option<&str>, request: impl FnOnce(&Client) -> Request) -> Answer {
    let clinic = clinic();
    let somebody = clinic.server.somebody(Role::Staff);
    let mut database = clinic.server.database();
    let before = database.events_by(&somebody.account_id);
    let answer = request(&somebody).send();
    answer.problem(status);
    assert!(!answer.text().contains(SENT), "{} repeats what was sent: {}", answer.asked, answer.text());
    if let Some(field) = field {
        assert!(answer.fields().iter().any(|named| named == field), "{} doesn't name {field}: {}", answer.asked, answer.text());
    }
    assert_eq!(database.events_by(&somebody.account_id), before, "{} wrote something", answer.asked);
    answer
}

/// A registration with one thing changed.
fn with(path: &str, value: Value) -> Value {
    let mut body = new_patient(&unique_name(SENT));
    *body.pointer_mut(path).unwrap_or_else(|| panic!("{path} is in it")) = value;
    body
}

#[track_caller]
fn registration_refused(status: u16, field: &str, body: &Value) {
    refused(status, Some(field), |client| client.request("POST", "/v1/patients").json(body));
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    for body in [&b"{\"patient_number\": \"Zzyzxqwv"[..], b"Zzyzxqwv", b"{\"patient_number\": \"\xff\xfe\"}", b"\x00", b"'Zzyzxqwv'"] {
        refused(400, None, |client| client.request("POST", "/v1/patients").header("content-type", "application/json").body(body));
    }
    let goes_on = format!("{} {SENT}", new_patient(&unique_name(SENT)));
    refused(400, None, |client| client.request("POST", "/v1/patients").header("content-type", "application/json").body(goes_on));
}

#[test]
fn a_body_nested_without_end_is_refused() {
    let nested = "[".repeat(200_000);
    let answer = clinic().staff().request("POST", "/v1/patients").header("content-type", "application/json").body(nested).send();
    assert!([400, 422].contains(&answer.status), "{}", answer.text());
    let inside = format!("{{\"name\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let answer = clinic().staff().request("POST", "/v1/patients").header("content-type", "application/json").body(inside).send();
    assert!([400, 422].contains(&answer.status), "{}", answer.text());
}

#[test]
fn a_wrong_type_is_refused_with_its_field() {
    registration_refused(422, "birth_date", &with("/birth_date", json!(19_840_229)));
    registration_refused(422, "name.family", &with("/name/family", json!({ "is": SENT })));
    registration_refused(422, "phones", &with("/phones", json!(SENT)));
    registration_refused(422, "phones[0].number", &with("/phones/0/number", json!(null)));
    registration_refused(422, "name", &with("/name", json!([null, SENT])));
    refused(422, None, |client| client.request("POST", "/v1/patients").json(&json!([SENT])));
    refused(422, None, |client| client.request("POST", "/v1/patients").json(&json!(SENT)));
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_field() {
    for day in ["1984-02-30", "1984-13-01", "1984-2-9", "29.02.1984", "0000-00-00", "1984-02-29T00:00:00Z", "", SENT] {
        registration_refused(422, "birth_date", &with("/birth_date", json!(day)));
    }
    registration_refused(422, "gender", &with("/gender", json!(SENT)));
    registration_refused(422, "patient_number", &with("/patient_number", json!(format!("{SENT}\n"))));
    registration_refused(422, "patient_number", &with("/patient_number", json!("9".repeat(51))));
    registration_refused(422, "phones[0].number", &with("/phones/0/number", json!(format!("call {SENT}"))));
    registration_refused(422, "emails[0].address", &with("/emails/0/address", json!(SENT)));
    registration_refused(422, "name.family", &with("/name/family", json!(format!("{SENT}\u{0}"))));
    registration_refused(422, "name.family", &with("/name/family", json!("")));
    registration_refused(422, "name.family", &with("/name/family", json!(SENT.repeat(1_000))));
}

#[test]
fn a_field_that_is_missing_unknown_or_there_twice_is_named() {
    let mut missing = new_patient(&unique_name(SENT));
    missing.as_object_mut().unwrap().remove("birth_date");
    let answer = refused(422, None, |client| client.request("POST", "/v1/patients").json(&missing));
    assert!(answer.json()["detail"].as_str().unwrap().contains("birth_date"), "{}", answer.text());

    let mut unknown = new_patient(&unique_name(SENT));
    unknown["favourite_colour"] = json!(SENT);
    registration_refused(422, "favourite_colour", &unknown);
    let mut unknown = new_patient(&unique_name(SENT));
    unknown["name"]["middle"] = json!(SENT);
    registration_refused(422, "name.middle", &unknown);

    let twice = new_patient(SENT).to_string().replacen('{', "{\"gender\": \"MALE\", ", 1);
    let answer = refused(422, None, |client| client.request("POST", "/v1/patients").header("content-type", "application/json").body(twice));
    assert!(answer.json()["detail"].as_str().unwrap().contains("gender"), "{}", answer.text());
}

#[test]
fn what_the_rules_forbid_is_refused_with_the_rules_name() {
    for (path, value) in [("/birth_date", json!("2999-01-01")), ("/name", json!({})), ("/identifiers/0/value", json!(SENT))] {
        let body = with(path, value);
        let answer = refused(422, None, |client| client.request("POST", "/v1/patients").json(&body));
        assert!(answer.rule().is_some(), "{path}: {}", answer.text());
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_whole() {
    let mut body = new_patient(&unique_name(SENT));
    body["health_goals"] = json!(vec![SENT.repeat(100); 2_000]);
    let answer = refused(413, None, |client| client.request("POST", "/v1/patients").json(&body));
    assert_eq!(answer.problem(413), "too-large");
}

#[test]
fn a_body_of_another_kind_is_refused() {
    let body = new_patient(&unique_name(SENT)).to_string();
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        refused(415, None, |client| client.request("POST", "/v1/patients").header("content-type", kind).body(body.clone()));
    }
    refused(415, None, |client| client.request("POST", "/v1/patients").body(body.clone()));
}

#[test]
fn an_id_that_is_none_is_refused_and_one_that_nobody_has_is_not_found() {
    for id in [SENT, "1", "00000000-0000-0000-0000-00000000000", "%2e%2e%2f"] {
        for (method, path) in [("GET", format!("/v1/patients/{id}")), ("POST", format!("/v1/patients/{id}/deactivate"))] {
            refused(422, Some("id"), |client| client.request(method, &path).json(&json!({})));
        }
    }
    let nobody = uuid::Uuid::now_v7();
    refused(404, None, |client| client.request("GET", &format!("/v1/patients/{nobody}")));
    refused(404, None, |client| client.request("POST", &format!("/v1/patients/{nobody}/deactivate")).json(&json!({})));
    refused(404, None, |client| client.request("GET", &format!("/v1/appointments/{nobody}")));
    refused(404, None, |client| client.request("GET", &format!("/v1/{SENT}")));
    refused(405, None, |client| client.request("DELETE", "/v1/patients"));
}

#[test]
fn an_id_of_another_kind_of_thing_is_not_found() {
    let clinic = clinic();
    let (patient, provider) = (clinic.new_patient(), clinic.new_provider());
    refused(404, None, |client| client.request("POST", &format!("/v1/appointments/{patient}/confirm")).json(&json!({})));
    refused(404, None, |client| client.request("GET", &format!("/v1/patients/{provider}")));
}

#[test]
fn a_parameter_that_is_unknown_or_wrong_is_named() {
    for (query, field) in [
        (format!("favourite={SENT}"), "favourite"),
        (format!("limit={SENT}"), "limit"),
        ("limit=0".to_owned(), "limit"),
        ("limit=201".to_owned(), "limit"),
        ("limit=-1".to_owned(), "limit"),
        (format!("cursor={SENT}"), "cursor"),
    ] {
        refused(422, Some(field), |client| client.request("GET", &format!("/v1/patients?{query}")));
    }
    let id = clinic().new_patient();
    for moment in [SENT, "-1", "2024-01-01", "999999999", "2999-01-01T00:00:00Z"] {
        refused(422, Some("as_of"), |client| client.request("GET", &format!("/v1/patients/{id}?as_of={moment}")));
    }
}

#[test]
fn a_header_that_says_nonsense_is_named() {
    let id = clinic().new_patient();
    let headers = [
        ("if-match", "7", "If-Match"),
        ("if-match", "\"Zzyzxqwv\"", "If-Match"),
        ("idempotency-key", "", "Idempotency-Key"),
        ("anamnesis-purpose", SENT, "Anamnesis-Purpose"),
    ];
    for (header, value, field) in headers {
        refused(422, Some(field), |client| client.request("POST", &format!("/v1/patients/{id}/deactivate")).header(header, value).json(&json!({})));
    }
    for token in [SENT, "patient/1@1", "-5", "patient/@"] {
        refused(422, Some("Anamnesis-After"), |client| client.request("GET", &format!("/v1/patients/{id}")).header("anamnesis-after", token));
    }
}

#[test]
fn a_token_that_nothing_has_reached_yet_is_waited_for_and_then_unavailable() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let answer = clinic.doctor().get_once_after(&format!("/v1/patients/{id}"), &format!("patient/{id}@99"));
    answer.problem(503);
    assert!(answer.must("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(!answer.text().contains("demographics"));
}
