use anamnesis_domain::account::Role;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, patient, query};

#[tokio::test]
async fn a_patient_can_be_read_as_soon_as_they_are_registered() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let registered = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    let shown = staff.get_after(&format!("/v1/patients/{}", registered.id()), &registered).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.body["patient_id"], json!(registered.id()));
    assert_eq!(shown.body["patient_number"], "P-1");
    assert_eq!(shown.body["demographics"]["name"]["family"], "Glover");
    assert_eq!((shown.header("etag"), &shown.body["sequence"]), ("\"1\"", &json!(1)));
    assert_eq!(shown.body["position"], json!(registered.position()));
    assert!(shown.position() >= registered.position());
    assert_eq!(shown.header("cache-control"), "no-store");
    assert!(shown.body.get("name_index").is_none(), "keyed hashes aren't for clients");
}

#[tokio::test]
async fn patients_are_found_by_what_is_known_of_them() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let mut glover = patient("P-1", "Glover-Smith", "Zoë");
    glover["phones"] = json!([{ "number": "+1 (555) 013-2477" }]);
    glover["emails"] = json!([{ "address": "Zoe@Example.org" }]);
    glover["identifiers"] = json!([{ "system": "urn:ssn", "value": "999-54-3210" }]);
    let registered = staff.must("/v1/patients", &glover).await;
    let other = staff.must("/v1/patients", &patient("P-2", "Glover", "Ann")).await;
    staff.get_after("/v1/patients", &other).await;
    let (first, second) = (json!(registered.id()), json!(other.id()));
    for (parameters, found) in [
        (&[][..], vec![&first, &second]),
        (&[("number", "p-1")], vec![&first]),
        (&[("number", "P")], vec![]),
        (&[("name", "GLOVER")], vec![&first, &second]),
        (&[("name", "zoë glover")], vec![&first]),
        (&[("name", "ZOE")], vec![&first]),
        (&[("name", "glov")], vec![]),
        (&[("name", "999543210")], vec![]),
        (&[("name", "ann"), ("phone", "+15550132477")], vec![]),
        (&[("name", "smith"), ("phone", "+15550132477"), ("identifier", "999-54-3210")], vec![&first]),
        (&[("family", "glover smith"), ("birth_date", "1970-05-17")], vec![&first]),
        (&[("family", "glover"), ("birth_date", "1970-05-18")], vec![]),
        (&[("phone", "+15550132477")], vec![&first]),
        (&[("email", "zoe@example.ORG")], vec![&first]),
        (&[("identifier", "999543210")], vec![&first]),
        (&[("status", "DEACTIVATED")], vec![]),
        (&[("name", "glover"), ("status", "ACTIVE"), ("number", "P-2")], vec![&second]),
    ] {
        let listed = staff.get(&format!("/v1/patients{}", query(parameters))).await;
        assert_eq!(listed.items("patient_id").iter().collect::<Vec<_>>(), found, "{parameters:?}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_and_not_repeated() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    for (parameters, field) in [
        (&[("nmae", "Glover")][..], "nmae"),
        (&[("limit", "0")], "limit"),
        (&[("limit", "201")], "limit"),
        (&[("limit", "Glover")], "limit"),
        (&[("cursor", "Glover")], "cursor"),
        (&[("status", "Glover")], "status"),
        (&[("birth_date", "Glover")], "birth_date"),
        (&[("family", "Glover")], "birth_date"),
        (&[("birth_date", "1970-05-17")], "family"),
        (&[("phone", "Glover")], "phone"),
        (&[("name", "-")], "name"),
        (&[("account", "Glover")], "account"),
    ] {
        let answer = staff.get(&format!("/v1/patients{}", query(parameters))).await;
        answer.is_problem(422, Some(field));
        assert!(!answer.body.to_string().contains("Glover"), "{}", answer.body);
    }
    staff.get("/v1/patients/Glover").await.is_problem(422, Some("id"));
    staff.get_with("/v1/patients", &[("anamnesis-after", "Glover")]).await.is_problem(422, Some("Anamnesis-After"));
}

#[tokio::test]
async fn pages_show_everybody_once_while_others_come() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let mut registered = Vec::new();
    for i in 0..5 {
        registered.push(staff.must("/v1/patients", &patient(&format!("P-{i}"), "Glover", "Ann")).await);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/patients?limit=2".to_owned());
    let mut page = staff.get_after(&path, &registered[4]).await;
    loop {
        seen.extend(page.items("patient_id"));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/v1/patients?limit=2&cursor={next}");
        if seen.len() == 2 {
            let late = staff.must("/v1/patients", &patient("P-9", "Glover", "Late")).await;
            registered.push(late);
        }
        page = staff.get_after(&path, registered.last().unwrap()).await;
    }
    assert_eq!(seen, registered.iter().map(|one| json!(one.id())).collect::<Vec<_>>());
}

#[tokio::test]
async fn patients_see_themselves_and_nobody_else() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let own = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    let other = staff.must("/v1/patients", &patient("P-2", "Glover", "Ann")).await;
    let zoe = world.sign_in_as_patient(own.id()).await;
    assert_eq!(zoe.get_after("/v1/patients", &other).await.items("patient_id"), [json!(own.id())]);
    assert_eq!(zoe.get(&format!("/v1/patients/{}", own.id())).await.status, 200);
    let hidden = zoe.get(&format!("/v1/patients/{}", other.id())).await;
    let missing = zoe.get(&format!("/v1/patients/{}", Uuid::now_v7())).await;
    hidden.is_problem(404, None);
    assert_eq!(hidden.bytes, missing.bytes, "what isn't there and what may not be seen look the same");
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let registered = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    let path = format!("/v1/patients/{}", registered.id());
    assert_eq!(staff.get_after(&path, &registered).await.status, 200);
    let second = world.found("Second House").await;
    let stranger = world.sign_in_to(second, Role::Staff, None).await;
    stranger.get(&path).await.is_problem(404, None);
    stranger.get(&format!("{path}?as_of={}", registered.position())).await.is_problem(404, None);
    assert_eq!(stranger.get("/v1/patients").await.items("patient_id"), Vec::<serde_json::Value>::new());
    assert_eq!(stranger.get("/v1/patients?number=P-1").await.items("patient_id"), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn the_etag_of_an_answer_is_what_if_match_takes() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let registered = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    let path = format!("/v1/patients/{}", registered.id());
    let condition = json!({ "condition": { "code": { "codings": [], "text": "Asthma" }, "status": "ACTIVE" } });
    let told = staff.must(&format!("{path}/record-condition"), &condition).await;
    let shown = staff.get_after(&path, &told).await;
    let contact = json!({ "phones": [{ "number": "+1 555 0100" }] });
    let changed = staff.post_with(&format!("{path}/change-contact"), &contact, &[("if-match", shown.header("etag"))]).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let stale = staff.post_with(&format!("{path}/change-contact"), &json!({}), &[("if-match", shown.header("etag"))]).await;
    stale.is_problem(412, None);
}

/// A patient with two numbers, one of them told later, and another that was taken back: where the log has the first and the last of it.
async fn numbered(world: &World) -> (crate::world::Client, u64, crate::world::Answer) {
    let staff = world.sign_in(Role::Staff).await;
    let mut glover = patient("P-1", "Glover", "Zoë");
    glover["identifiers"] = json!([{ "identifier_type": "SOCIAL_SECURITY", "value": "999-54-3210" }]);
    let registered = staff.must("/v1/patients", &glover).await;
    let path = format!("/v1/patients/{}", registered.id());
    let passport = |value: &str| json!({ "identifier_type": "PASSPORT", "value": value });
    staff.must(&format!("{path}/add-identifier"), &passport("X41720388X")).await;
    staff.must(&format!("{path}/add-identifier"), &passport("Y41720399Y")).await;
    let last = staff.must(&format!("{path}/remove-identifier"), &passport("Y41720399Y")).await;
    (staff, registered.position(), last)
}

#[tokio::test]
async fn no_answer_shows_a_number_that_was_not_asked_for() {
    let world = World::new().await;
    let (staff, first, last) = numbered(&world).await;
    let (officer, path) = (world.sign_in(Role::PrivacyOfficer).await, format!("/v1/patients/{}", last.id()));
    let zoe = world.sign_in_as_patient(last.id()).await;
    let shown = staff.get_after(&path, &last).await;
    assert_eq!(shown.body["identifiers"][0]["value"], "••••3210");
    for path in [
        path.clone(),
        format!("{path}?as_of={}", last.position()),
        "/v1/patients".to_owned(),
        "/v1/patients?identifier=999543210".to_owned(),
        format!("{path}/history"),
        format!("{path}/history/diff?from={first}"),
        "/v1/streams/patient-events?identified=true".to_owned(),
    ] {
        for client in [&officer, &zoe] {
            let answer = client.get(&path).await;
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            assert_eq!(answer.status, 200, "{path}: {text}");
            for number in ["999-54-3210", "X41720388X", "Y41720399Y"] {
                assert!(!text.contains(number), "{path} shows {number}");
            }
            assert!(text.contains("••••"), "{path}: {text}");
        }
    }
    let acts = officer.get_after(&format!("/v1/audit/audit-logs?resource={}", last.id()), &last).await;
    let text = String::from_utf8_lossy(&acts.bytes).into_owned();
    assert!(text.contains("••••3210") && !text.contains("999-54") && !text.contains("41720399"), "{text}");
}

#[tokio::test]
async fn a_number_is_revealed_to_who_says_why_and_that_is_seen_by_whose_it_is() {
    let world = World::new().await;
    let (staff, _, last) = numbered(&world).await;
    let path = format!("/v1/patients/{}/reveal-identifiers", last.id());
    let ask = json!({ "identifier_type": "SOCIAL_SECURITY", "purpose": "PAYMENT", "justification": "claim 4711" });
    let revealed = staff.post(&path, &ask).await;
    assert_eq!(revealed.status, 200, "{}", revealed.body);
    assert_eq!(revealed.body["items"], json!([{ "system": null, "identifier_type": "SOCIAL_SECURITY", "value": "999-54-3210" }]));
    assert_eq!(revealed.header("cache-control"), "no-store");

    let zoe = world.sign_in_as_patient(last.id()).await;
    assert_eq!(zoe.post(&path, &ask).await.status, 200);
    let seen = zoe.get(&format!("/v1/patients/{}/disclosures", last.id())).await;
    let of_numbers: Vec<_> = seen.body["items"].as_array().unwrap().iter().filter(|one| one["resource_type"] == "identifiers").collect();
    assert!(!of_numbers.is_empty(), "{}", seen.body);
    let by_staff = of_numbers.last().unwrap();
    assert_eq!(by_staff["purpose_of_access"], "PAYMENT", "{by_staff}");
    assert!(by_staff.to_string().contains("claim 4711"), "{by_staff}");

    staff.post(&path, &json!({ "identifier_type": "SOCIAL_SECURITY", "purpose": "PAYMENT" })).await.is_problem(422, Some("body"));
    staff.post(&path, &json!({ "purpose": "PAYMENT", "justification": "all" })).await.is_problem(422, Some("body"));
    let other = staff.must("/v1/patients", &patient("P-2", "Glover", "Ann")).await;
    zoe.post(&format!("/v1/patients/{}/reveal-identifiers", other.id()), &ask).await.is_problem(404, None);
    for role in [Role::Provider, Role::PrivacyOfficer, Role::Auditor, Role::Admin, Role::Analyst] {
        world.sign_in(role).await.post(&path, &ask).await.is_problem(403, None);
    }
}

#[tokio::test]
async fn codes_and_numbers_that_cannot_be_are_refused_by_their_path_and_nothing_is_written() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let registered = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    let path = format!("/v1/patients/{}", registered.id());
    for (command, body, field) in [
        (
            "record-condition",
            json!({ "condition": { "code": { "codings": [{ "system": "http://snomed.info/sct", "code": "195967000" }] }, "status": "ACTIVE" } }),
            "condition.code.codings[0].code",
        ),
        ("change-contact", json!({ "phones": [{ "number": "555 0100" }, { "number": "+0 555 0100" }] }), "phones[1].number"),
        ("change-contact", json!({ "emails": [{ "address": "zoe@" }] }), "emails[0].address"),
        ("add-identifier", json!({ "system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567890" }), "value"),
    ] {
        let refused = staff.post(&format!("{path}/{command}"), &body).await;
        refused.is_problem(422, Some(field));
        assert!(!refused.body.to_string().contains("195967000"), "what was sent isn't repeated");
    }
    assert_eq!(staff.get_after(&path, &registered).await.body["sequence"], 1);
    // what a source has sent in its own form is kept as it is
    let doctor = world.sign_in(Role::Provider).await;
    let content = json!({ "format": "STRUCTURED_JSON", "json": { "codings": [{ "system": "http://loinc.org", "code": "wrong" }] } });
    let record = json!({ "patient_id": registered.id(), "record_type": "OTHER", "record_date": "2024-01-01T00:00:00Z", "title": "Import", "content": content });
    doctor.must("/v1/records", &json!({ "record": record })).await;
}
