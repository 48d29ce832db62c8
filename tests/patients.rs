//! What is a patient's life like, over HTTP?

use anamnesis_tests::{clinic, new_patient, unique, unique_name};
use serde_json::json;

#[test]
fn a_patient_is_registered_read_and_corrected() {
    let clinic = clinic();
    let family = unique_name("Okonkwo");
    let body = new_patient(&family);
    let registered = clinic.register(&body);
    let id = registered.id();
    assert_eq!(registered.must("location"), format!("/v1/patients/{id}"));
    assert_eq!(registered.must("etag"), "\"1\"");
    assert_eq!(registered.consistency(), format!("patient/{id}@1"));
    assert_eq!(registered.json()["events"], json!(["PatientRegistered"]));

    let path = format!("/v1/patients/{id}");
    let read = clinic.doctor().get_after(&path, &registered.consistency()).expect(200);
    assert_eq!(read.must("etag"), "\"1\"");
    assert_eq!(read.header("cache-control"), Some("no-store"));
    assert!(read.position() >= registered.position());
    let patient = read.json();
    assert_eq!(patient["patient_id"], id);
    assert_eq!(patient["patient_number"], body["patient_number"]);
    assert_eq!(patient["demographics"]["name"]["family"], family);
    assert_eq!(patient["demographics"]["birth_date"], "1984-02-29");
    assert_eq!(patient["contact"]["phones"][0]["number"], "+1 555 0132477");

    let married = unique_name("Lindqvist");
    let demographics = json!({ "name": { "family": married, "given": ["Ada"] }, "other_names": [{ "use": "MAIDEN", "family": family }],
        "birth_date": "1984-02-29", "gender": "FEMALE" });
    let corrected = clinic.staff().post(&format!("{path}/correct-demographics"), &demographics).expect(200);
    assert_eq!((corrected.must("etag"), corrected.json()["events"].clone()), ("\"2\"", json!(["PatientDemographicsCorrected"])));
    assert!(corrected.position() > registered.position());
    let read = clinic.doctor().get_after(&path, &corrected.consistency()).expect(200);
    assert_eq!((read.must("etag"), &read.json()["demographics"]["name"]["family"]), ("\"2\"", &json!(married)));
}

#[test]
fn asking_for_what_already_holds_is_no_mistake_and_no_event() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let deactivate = format!("/v1/patients/{id}/deactivate");
    let first = clinic.staff().post(&deactivate, &json!({ "reason": "moved away" })).expect(200);
    let second = clinic.staff().post(&deactivate, &json!({ "reason": "moved away" })).expect(200);
    assert_eq!(second.json()["events"], json!([]));
    assert_eq!(second.consistency(), first.consistency());
}

#[test]
fn whoever_has_seen_an_older_state_changes_nothing() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let path = format!("/v1/patients/{id}/change-contact");
    let change = |tag: &str, number: &str| {
        let body = json!({ "phones": [{ "number": number }] });
        clinic.staff().request("POST", &path).header("if-match", tag).json(&body).send()
    };
    change("\"1\"", "+1 555 0100001").expect(200);
    let stale = change("\"1\"", "+1 555 0100002");
    assert_eq!(stale.problem(412), "changed-since");
    assert!(!stale.text().contains("0100002"));
    let read = clinic.doctor().get_after(&format!("/v1/patients/{id}"), &format!("patient/{id}@2")).expect(200);
    assert_eq!(read.json()["contact"]["phones"][0]["number"], "+1 555 0100001");
    change("\"2\"", "+1 555 0100002").expect(200);
}

#[test]
fn of_two_who_change_the_same_at_once_with_if_match_one_wins() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let path = format!("/v1/patients/{id}/change-contact");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..8)
            .map(|n| {
                let body = json!({ "phones": [{ "number": format!("+1 555 020000{n}") }] });
                let request = clinic.staff().request("POST", &path).header("if-match", "\"1\"").json(&body);
                scope.spawn(move || request.send().status)
            })
            .collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|&status| status == 200 || status == 412), "{statuses:?}");
}

#[test]
fn the_same_idempotency_key_gives_the_same_answer_and_one_patient() {
    let clinic = clinic();
    let body = new_patient(&unique_name("Twice"));
    let key = unique();
    let register = |body| clinic.staff().request("POST", "/v1/patients").header("idempotency-key", &key).json(body).send();
    let first = register(&body).expect(201);
    let again = register(&body).expect(201);
    assert_eq!((again.id(), again.consistency(), again.must("location")), (first.id(), first.consistency(), first.must("location")));

    let other = register(&new_patient(&unique_name("Other")));
    assert_eq!(other.problem(422), "idempotency-key-reused");
    let elsewhere =
        clinic.staff().request("POST", &format!("/v1/patients/{}/deactivate", first.id())).header("idempotency-key", &key).json(&json!({}));
    assert_eq!(elsewhere.send().problem(422), "idempotency-key-reused");
    let mut database = clinic.server.database();
    let events: i64 = database.one(&format!("select count(*) from journal.events where aggregate_id = '{}'", first.id()));
    assert_eq!(events, 1);
}

#[test]
fn a_refusal_is_remembered_under_its_idempotency_key_too() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let key = unique();
    let die = |when: &str| {
        let path = format!("/v1/patients/{id}/record-death");
        clinic.staff().request("POST", &path).header("idempotency-key", &key).json(&json!({ "deceased_at": when })).send()
    };
    let refused = die("1901-01-01T00:00:00Z");
    refused.problem(422);
    let again = die("1901-01-01T00:00:00Z");
    assert_eq!((again.status, again.rule()), (refused.status, refused.rule()));
    assert_eq!(die("2020-01-01T00:00:00Z").problem(422), "idempotency-key-reused");
}

#[test]
fn two_patients_never_have_one_number() {
    let clinic = clinic();
    let first = new_patient(&unique_name("First"));
    clinic.register(&first);
    let mut second = new_patient(&unique_name("Second"));
    second["patient_number"] = json!(first["patient_number"].as_str().unwrap().to_lowercase());
    let refused = clinic.staff().post("/v1/patients", &second);
    assert_eq!(refused.problem(409), "taken");
    assert!(!refused.text().to_uppercase().contains(first["patient_number"].as_str().unwrap()), "{}", refused.text());
}

#[test]
fn of_many_who_register_one_number_at_once_one_wins() {
    let clinic = clinic();
    let body = new_patient(&unique_name("Race"));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..8).map(|_| scope.spawn(|| clinic.staff().post("/v1/patients", &body).status)).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 7, "{statuses:?}");
}

#[test]
fn a_condition_an_allergy_and_a_medication_are_in_the_patients_lists() {
    let clinic = clinic();
    let id = clinic.new_patient();
    let coded =
        |system: &str, code: &str, display: &str| json!({ "codings": [{ "system": system, "code": code, "display": display }], "text": display });
    let path = format!("/v1/patients/{id}");
    let told = [
        (
            "record-condition",
            "conditions",
            "condition",
            json!({ "code": coded("http://snomed.info/sct", "38341003", "Hypertension"), "status": "ACTIVE" }),
        ),
        (
            "record-allergy",
            "allergies",
            "allergy",
            json!({ "code": coded("http://snomed.info/sct", "91935009", "Peanut allergy"), "status": "ACTIVE" }),
        ),
        (
            "record-medication",
            "medications",
            "medication",
            json!({ "code": coded("http://www.nlm.nih.gov/research/umls/rxnorm", "314076", "Lisinopril"), "status": "ACTIVE" }),
        ),
    ];
    for (command, list, name, what) in told {
        let recorded = clinic.doctor().post(&format!("{path}/{command}"), &json!({ name: what })).expect(200);
        let read = clinic.doctor().get_after(&format!("{path}/{list}"), &recorded.consistency()).expect(200);
        let text = what["code"]["text"].as_str().unwrap();
        assert!(read.text().contains(text), "{list}: {}", read.text());
    }
}

#[test]
fn a_patient_is_found_by_number_by_name_and_by_birth_date_with_family_name() {
    let clinic = clinic();
    let family = unique_name("Sought");
    let body = new_patient(&family);
    let registered = clinic.register(&body);
    let number = body["patient_number"].as_str().unwrap();
    let id = registered.id();
    for query in [format!("number={number}"), format!("name={}", family.to_lowercase()), format!("family={family}&birth_date=1984-02-29")] {
        let found = clinic.staff().get_after(&format!("/v1/patients?{query}"), &registered.consistency()).expect(200);
        assert!(found.text().contains(&id), "{query}: {}", found.text());
    }
    let nobody = clinic.staff().get(&format!("/v1/patients?name={}", unique_name("Nobody"))).expect(200);
    assert!(!nobody.text().contains("patient_id"), "{}", nobody.text());
}
