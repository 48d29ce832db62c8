//! Who looked at whose data? It is written down before anybody sees anything.

use anamnesis_tests::{Answer, Clinic, clinic, new_patient, unique_name};
use serde_json::{Value, json};

/// What the audit trail has on a patient after `answer` was given.
fn accesses(clinic: &Clinic, patient: &str) -> Vec<Value> {
    clinic.audited(&format!("/v1/patients/{patient}/disclosures?limit=200"))
}

fn by<'a>(accesses: &'a [Value], answer: &str, account: &str) -> Vec<&'a Value> {
    accesses.iter().filter(|access| access["user_id"] == account && access["action"] == answer).collect()
}

fn registered(clinic: &Clinic) -> (String, String, Answer) {
    let family = unique_name("Looked");
    let answer = clinic.register(&new_patient(&family));
    (answer.id(), family, answer)
}

#[test]
fn a_read_names_who_looked_at_whom_and_why() {
    let clinic = clinic();
    let (id, _, registered) = registered(clinic);
    let doctor = clinic.doctor();
    let read = doctor.request("GET", &format!("/v1/patients/{id}")).header("anamnesis-purpose", "PAYMENT");
    read.header("anamnesis-justification", "the insurer asked").header("anamnesis-after", &registered.consistency()).send().expect(200);
    let accesses = accesses(clinic, &id);
    let found = by(&accesses, "READ", &doctor.account_id);
    assert_eq!(found.len(), 1, "{accesses:#?}");
    let access = found[0];
    assert_eq!((&access["patient_id"], &access["outcome"]), (&json!(id), &json!("GRANTED")));
    assert_eq!((&access["purpose_of_access"], &access["access_justification"]), (&json!("PAYMENT"), &json!("the insurer asked")));
    assert_eq!((&access["access_method"], &access["ip_address"]), (&json!("API"), &json!("127.0.0.1")));
    assert_eq!(access["user_agent"], "anamnesis-tests");
    assert!(access["data_category"].as_array().is_some_and(|categories| !categories.is_empty()));
}

#[test]
fn a_search_is_recorded_for_each_patient_it_showed() {
    let clinic = clinic();
    let (one, other) = (registered(clinic), registered(clinic));
    let doctor = clinic.server.somebody(anamnesis_tests::Role::Provider);
    let listed = doctor.get_after("/v1/patients?limit=200", &other.2.consistency()).expect(200);
    for (id, family, _) in [&one, &other] {
        assert!(listed.text().contains(family));
        let accesses = accesses(clinic, id);
        assert_eq!(by(&accesses, "SEARCH", &doctor.account_id).len(), 1, "{accesses:#?}");
    }
}

#[test]
fn a_look_into_the_past_is_recorded_with_its_position() {
    let clinic = clinic();
    let (id, _, registered) = registered(clinic);
    let doctor = clinic.doctor();
    doctor.get(&format!("/v1/patients/{id}?as_of={}", registered.position())).expect(200);
    let accesses = accesses(clinic, &id);
    let positions: Vec<_> =
        accesses.iter().filter(|access| access["user_id"] == doctor.account_id.as_str()).map(|access| access["as_of_position"].as_u64()).collect();
    assert_eq!(positions, [Some(registered.position())]);
}

#[test]
fn what_was_not_shown_is_no_read() {
    let clinic = clinic();
    let (id, _, _) = registered(clinic);
    let (stranger, _) = clinic.new_patient_with_account();
    stranger.get(&format!("/v1/patients/{id}")).expect(404);
    let accesses = accesses(clinic, &id);
    assert!(accesses.iter().all(|access| access["user_id"] != stranger.account_id.as_str() || access["outcome"] == "DENIED"), "{accesses:#?}");
}

#[test]
fn reading_the_audit_trail_is_recorded_like_any_other_read() {
    let clinic = clinic();
    let (id, _, _) = registered(clinic);
    let auditor = clinic.auditor();
    accesses(clinic, &id);
    let again = accesses(clinic, &id);
    assert!(!by(&again, "DISCLOSURES", &auditor.account_id).is_empty(), "{again:#?}");
}

#[test]
fn a_refusal_is_recorded_with_the_rule() {
    let clinic = clinic();
    let (id, _, _) = registered(clinic);
    let administrator = clinic.administrator();
    let count = format!(
        "select count(*) from journal.events where aggregate_type = 'access' and event_type = 'AccessDenied' and actor_id = '{}'",
        administrator.account_id
    );
    let before: i64 = clinic.server.database().one(&count);
    assert_eq!(administrator.get(&format!("/v1/patients/{id}")).problem(403), "forbidden");
    assert_eq!(clinic.server.database().one::<i64>(&count), before + 1);
}
