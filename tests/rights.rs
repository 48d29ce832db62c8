//! Who may do what? Each operation with each role, and with none.

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_tests::{Answer, Client, Role, clinic};
use serde_json::{Value, json};

/// The documented list, method and path.
const ANONYMOUS: &[&str] =
    &["get /health/live", "get /health/ready", "get /v1/log/checkpoint", "get /v1/log/tile/{level}/{index}", "post /v1/auth/login"];

/// Who may read what is about patients: the patient what is their own.
const READERS: &[Role] = &[Role::Patient, Role::Provider, Role::Staff, Role::PrivacyOfficer, Role::Auditor];
const CLINICAL_READERS: &[Role] = &[Role::Patient, Role::Provider, Role::PrivacyOfficer, Role::Auditor];
const CARERS: &[Role] = &[Role::Provider, Role::Staff];
const PROVIDERS: &[Role] = &[Role::Provider];
const ADMINISTRATORS: &[Role] = &[Role::Admin];
const OVERSEERS: &[Role] = &[Role::PrivacyOfficer, Role::Auditor];
const CONSENTERS: &[Role] = &[Role::Patient, Role::Provider, Role::Staff];
const ALL: &[Role] = &Role::ALL;

/// Which roles an operation lets in. An operation that isn't here fails the test: say here who may call it.
#[expect(clippy::match_same_arms, reason = "one line for each kind of operation")]
fn allowed(method: &str, path: &str) -> Option<&'static [Role]> {
    let collection = path.strip_prefix("/v1/")?.split('/').next()?;
    let roles = match (method, collection) {
        ("post", "auth") => ALL,
        ("get", "patients") if path.ends_with("/disclosures") => &[Role::Patient, Role::PrivacyOfficer, Role::Auditor],
        ("get", "patients") if path.contains("history") || path.contains("proof") => CLINICAL_READERS,
        ("get", "patients" | "appointments" | "consents" | "amendment-requests") => READERS,
        ("get", "records" | "documents" | "insights" | "predictions") => CLINICAL_READERS,
        ("post", "models") if path.ends_with("/find-prediction") => CLINICAL_READERS,
        ("get", "models") => &[Role::Provider, Role::Admin, Role::PrivacyOfficer, Role::Auditor, Role::Analyst],
        ("post", "models") => &[Role::Admin, Role::Analyst],
        ("post", "patients") if path.ends_with("/reveal-identifiers") => &[Role::Patient, Role::Staff],
        ("post", "patients") if path.ends_with("/request-amendment") || path.ends_with("/dispute-amendment-denial") => {
            &[Role::Patient, Role::Staff, Role::PrivacyOfficer]
        }
        ("post", "patients") if path.contains("amendment") => &[Role::PrivacyOfficer],
        ("post", "patients" | "appointments") => CARERS,
        ("post", "records" | "documents" | "insights" | "predictions") => PROVIDERS,
        ("post", "consents") => CONSENTERS,
        ("post", "providers") if path.ends_with("/rate") => &[Role::Patient],
        ("get", "providers" | "organizations" | "facilities") => ALL,
        ("post", "providers" | "organizations" | "facilities") => ADMINISTRATORS,
        ("get" | "post", "accounts") => ADMINISTRATORS,
        ("get", "audit" | "compliance") => OVERSEERS,
        ("post", "compliance") => &[Role::PrivacyOfficer],
        ("get", "streams") => &[Role::Patient, Role::Provider, Role::Admin, Role::PrivacyOfficer, Role::Auditor, Role::Analyst],
        ("get", "log") => &[Role::Admin, Role::PrivacyOfficer, Role::Auditor],
        _ => return None,
    };
    Some(roles)
}

#[test]
fn nothing_but_the_documented_list_is_open_to_strangers() {
    let anonymous = clinic().server.anonymous();
    let mut open = BTreeSet::new();
    for (method, path) in operations() {
        let answer = call(&anonymous, &method, &path);
        if answer.status == 401 && answer.problem(401) == "unauthenticated" {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
        } else {
            open.insert(format!("{method} {path}"));
        }
    }
    let documented: BTreeSet<_> = ANONYMOUS.iter().map(|&operation| operation.to_owned()).collect();
    assert!(open.is_subset(&documented), "open to strangers: {:?}", open.difference(&documented).collect::<Vec<_>>());
}

#[test]
fn each_operation_lets_in_the_roles_that_may_and_no_other() {
    let clinic = clinic();
    let (patient, _) = clinic.new_patient_with_account();
    let people: BTreeMap<_, _> =
        Role::ALL.map(|role| (format!("{role:?}"), if role == Role::Patient { patient.clone() } else { clinic.role(role) })).into();
    let mut wrong = Vec::new();
    for (method, path) in operations().into_iter().filter(|(method, path)| !is_anonymous(method, path) && path != "/v1/auth/logout") {
        let Some(roles) = allowed(&method, &path) else {
            wrong.push(format!("{method} {path} isn't in this test's table"));
            continue;
        };
        for role in Role::ALL {
            let answer = call(&people[&format!("{role:?}")], &method, &path);
            let (may, let_in) = (roles.contains(&role), answer.status != 403);
            if may != let_in || answer.status == 401 || answer.status >= 500 {
                wrong.push(format!("{method} {path} as {role:?}: {} {}", answer.status, answer.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unknown_path_tells_strangers_nothing() {
    let anonymous = clinic().server.anonymous();
    for path in
        ["/v1/patients/00000000-0000-7000-8000-000000000000", "/v1/", "/v2/patients", "/metrics", "/.env", "/v1/../v1/patients", "/V1/patients"]
    {
        let status = anonymous.get(path).status;
        assert!([401, 404].contains(&status), "{path}: {status}");
    }
}

#[test]
fn a_patient_sees_their_own_data_and_not_that_there_is_any_other() {
    let clinic = clinic();
    let (patient, own) = clinic.new_patient_with_account();
    let other = clinic.new_patient();
    let token = format!("patient/{other}@1");
    let read = patient.get_after(&format!("/v1/patients/{own}"), &token).expect(200);
    assert_eq!(read.json()["patient_id"], own);
    let hidden = patient.get_after(&format!("/v1/patients/{other}"), &token);
    let absent = patient.get(&format!("/v1/patients/{}", uuid::Uuid::now_v7()));
    assert_eq!(hidden.problem(404), "not-found");
    assert_eq!(hidden.text(), absent.text(), "not there and not to be seen look the same");
    for part in ["history", "conditions", "allergies", "medications"] {
        patient.get(&format!("/v1/patients/{own}/{part}")).expect(200);
        assert_eq!(patient.get(&format!("/v1/patients/{other}/{part}")).problem(404), "not-found", "{part}");
    }
    let listed = patient.get_after("/v1/patients", &token).expect(200);
    assert!(listed.text().contains(&own) && !listed.text().contains(&other), "{}", listed.text());
}

#[test]
fn a_patient_sees_their_own_appointments_only() {
    let clinic = clinic();
    let (patient, own) = clinic.new_patient_with_account();
    let (other, provider) = (clinic.new_patient(), clinic.new_provider());
    let visit = |of: &str| {
        let visit = json!({ "patient_id": of, "provider_id": provider, "status": "FINISHED", "started_at": "2024-03-05T10:00:00Z" });
        clinic.doctor().post("/v1/appointments/visits", &visit).expect(201)
    };
    let (mine, theirs) = (visit(&own), visit(&other));
    let after = theirs.consistency();
    patient.get_after(&format!("/v1/appointments/{}", mine.id()), &after).expect(200);
    assert_eq!(patient.get_after(&format!("/v1/appointments/{}", theirs.id()), &after).problem(404), "not-found");
    let listed = patient.get_after("/v1/appointments", &after).expect(200);
    assert!(listed.text().contains(&mine.id()) && !listed.text().contains(&theirs.id()), "{}", listed.text());
}

/// Every operation of the description.
fn operations() -> Vec<(String, String)> {
    let document = clinic().server.anonymous().get("/openapi.json").expect(200).json();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone())));
    operations.collect()
}

fn is_anonymous(method: &str, path: &str) -> bool {
    ANONYMOUS.contains(&format!("{method} {path}").as_str())
}

/// Calls it for something that isn't there, with a body that says nothing.
fn call(client: &Client, method: &str, path: &str) -> Answer {
    let mut called = path.to_owned();
    while let (Some(start), Some(end)) = (called.find('{'), called.find('}')) {
        called.replace_range(start..=end, "00000000-0000-7000-8000-000000000000");
    }
    let request = client.request(&method.to_uppercase(), &called);
    if method == "get" { request.send() } else { request.json(&Value::Object(serde_json::Map::new())).send() }
}
