use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, appointment, record};
use crate::world::{World, patient, query};

/// Takes what each query answers after each command, and later asks for it as of then.
#[tokio::test]
async fn as_of_then_is_what_was_answered_then() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let mut kept = Vec::new();
    for step in 0.. {
        for path in story.queries() {
            let answer = story.doctor.get_after(&path, &story.last).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            kept.push((path, answer));
        }
        if !story.go_on(step).await {
            break;
        }
    }
    for (path, then) in kept {
        let separator = if path.contains('?') { '&' } else { '?' };
        let past = story.doctor.get(&format!("{path}{separator}as_of={}", then.position())).await;
        assert_eq!(String::from_utf8_lossy(&past.bytes), String::from_utf8_lossy(&then.bytes), "{path} as of {}", then.position());
        assert_eq!(past.position(), then.position());
        assert_eq!(past.headers.get("etag"), then.headers.get("etag"));
    }
}

#[tokio::test]
async fn one_thing_can_be_seen_as_of_any_of_its_events() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    story.last = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-01T09:00:00Z")).await;
    let (id, booked) = (story.last.id(), story.last.position());
    let confirmed = story.doctor.must(&format!("/v1/appointments/{id}/confirm"), &json!({})).await;
    let path = format!("/v1/appointments/{id}");
    assert_eq!(story.doctor.get_after(&path, &confirmed).await.body["status"], "CONFIRMED");
    let then = story.doctor.get(&format!("{path}?as_of={booked}")).await;
    assert_eq!((&then.body["status"], then.header("etag")), (&json!("SCHEDULED"), "\"1\""));
    story.doctor.get(&format!("{path}?as_of={}", booked - 1)).await.is_problem(404, None);
    story.doctor.get(&format!("{path}?as_of=99999999")).await.is_problem(422, Some("as_of"));
    story.doctor.get(&format!("{path}?as_of=2999-01-01T00:00:00Z")).await.is_problem(422, Some("as_of"));
    story.doctor.get(&format!("{path}?as_of=yesterday")).await.is_problem(422, Some("as_of"));
    story.doctor.get("/v1/appointments?as_of=1").await.is_problem(422, Some("as_of"));
}

#[tokio::test]
async fn a_time_stands_for_the_same_position_for_ever() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let before = story.doctor.get_after(&format!("/v1/patients/{}", story.patient), &story.last).await;
    let time = before.body["updated_at"].as_str().unwrap().to_owned();
    story.on_patient("change-contact", &json!({ "phones": [{ "number": "+1 555 0100" }] })).await;
    let past = story.doctor.get(&format!("/v1/patients/{}?as_of={time}", story.patient)).await;
    assert_eq!(past.bytes, before.bytes);
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let present = story.doctor.get(&format!("/v1/patients/{}?as_of={now}", story.patient)).await;
    assert_eq!(present.body["sequence"], 2, "{}", present.body);
}

#[tokio::test]
async fn every_list_can_be_read_from_either_end() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let day = |n: u8| format!("2031-03-0{n}T09:00:00Z");
    for n in [2, 1, 3] {
        story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, &day(n))).await;
        story.last = story.doctor.must("/v1/records", &record(story.patient, "LAB_RESULT", &day(n).replace("2031", "2024"), "HbA1c")).await;
        story.doctor.must("/v1/patients", &patient(&format!("Q-{n}"), "Cuddy", "Lisa")).await;
    }
    let (doctor, patient, position) = (&story.doctor, story.patient, story.last.position());
    let officer = world.sign_in(Role::PrivacyOfficer).await;
    let lists = [
        (doctor, format!("/v1/appointments?patient={patient}"), "appointment_id"),
        (doctor, format!("/v1/appointments?provider={}&from=2031-03-01T00:00:00Z&to=2031-03-04T00:00:00Z", story.provider), "appointment_id"),
        (doctor, "/v1/appointments?day=2031-03-02".to_owned(), "appointment_id"),
        (doctor, format!("/v1/records?patient={patient}"), "record_id"),
        (doctor, format!("/v1/records?patient={patient}&as_of={position}"), "record_id"),
        (doctor, format!("/v1/records?words=hba1c&patient={patient}"), "record_id"),
        (doctor, "/v1/records?".to_owned(), "record_id"),
        (doctor, "/v1/patients?name=cuddy".to_owned(), "patient_id"),
        (&officer, "/v1/audit/audit-logs?resource_type=patient&action=CREATE".to_owned(), "event_id"),
    ];
    doctor.get_after("/v1/patients", &story.last).await;
    for (client, path, id) in lists {
        let forwards = client.get_after(&format!("{path}&sort=oldest_first"), &story.last).await.items(id);
        let backwards = client.get_after(&format!("{path}&sort=newest_first"), &story.last).await.items(id);
        assert!(!forwards.is_empty(), "{path}");
        assert!(backwards.iter().rev().eq(&forwards), "{path}: {forwards:?} {backwards:?}");
        let own = client.get(&path).await.items(id);
        assert!(own == forwards || own == backwards, "{path}");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("{path}&sort=newest_first&limit=1{cursor}")).await;
            paged.extend(page.items(id));
            let Some(next) = page.body["next"].as_str() else { break };
            client.get(&format!("{path}&sort=oldest_first&cursor={next}")).await.is_problem(422, Some("cursor"));
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, backwards, "{path}");
    }
    doctor.get("/v1/records?sort=sideways").await.is_problem(422, Some("sort"));
}

#[tokio::test]
async fn lists_are_filtered_by_what_is_asked() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let other = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let (mut appointments, mut records) = (Vec::new(), Vec::new());
    for (of, at) in [(story.patient, "2031-03-02T23:30:00Z"), (other, "2031-03-01T00:00:00Z"), (story.patient, "2031-03-01T09:00:00Z")] {
        appointments.push(json!(doctor.must("/v1/appointments", &appointment(of, story.provider, at)).await.id()));
    }
    for (of, kind, at) in [(other, "IMAGING", "2024-01-01T00:00:00Z"), (story.patient, "LAB_RESULT", "2024-02-01T00:00:00Z")] {
        let written = doctor.must("/v1/records", &record(of, kind, at, "Title")).await;
        doctor.get_after("/v1/records", &written).await;
        records.push(json!(written.id()));
    }
    let [late, first, middle] = [&appointments[0], &appointments[1], &appointments[2]];
    let id = story.patient.to_string();
    for (collection, field, parameters, found) in [
        ("appointments", "appointment_id", &[][..], vec![first, middle, late]),
        ("appointments", "appointment_id", &[("day", "2031-03-01")], vec![first, middle]),
        ("appointments", "appointment_id", &[("from", "2031-03-01T09:00:00Z")], vec![middle, late]),
        ("appointments", "appointment_id", &[("to", "2031-03-01T09:00:00Z")], vec![first]),
        ("appointments", "appointment_id", &[("day", "2031-02-28"), ("time_zone", "America/New_York")], vec![first]),
        ("appointments", "appointment_id", &[("patient", &id)], vec![middle, late]),
        ("appointments", "appointment_id", &[("provider", &id)], vec![]),
        ("appointments", "appointment_id", &[("status", "CANCELLED")], vec![]),
        ("records", "record_id", &[], vec![&records[0], &records[1]]),
        ("records", "record_id", &[("type", "IMAGING")], vec![&records[0]]),
        ("records", "record_id", &[("code", "http://loinc.org|4548-4"), ("patient", &id)], vec![&records[1]]),
        ("records", "record_id", &[("code", "http://loinc.org|4548-4")], vec![&records[0], &records[1]]),
        ("records", "record_id", &[("code", "http://loinc.org|4548")], vec![]),
    ] {
        let listed = doctor.get(&format!("/v1/{collection}{}", query(parameters))).await;
        assert_eq!(listed.items(field).iter().collect::<Vec<_>>(), found, "{collection} {parameters:?}");
    }
    doctor.get("/v1/appointments?day=2031-03-01&to=2031-03-01T09:00:00Z").await.is_problem(422, Some("day"));
    doctor.get("/v1/appointments?day=2031-03-01&time_zone=Mars/Olympus").await.is_problem(422, Some("time_zone"));
    doctor.get("/v1/appointments?time_zone=Asia/Tokyo").await.is_problem(422, Some("time_zone"));
    doctor.get("/v1/records?code=4548-4").await.is_problem(422, Some("code"));
    doctor.get(&format!("/v1/patients/{}/conditions", Uuid::now_v7())).await.is_problem(404, None);
}

#[tokio::test]
async fn a_patient_sees_only_their_own_appointments_records_and_insights() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    for step in 0..19 {
        story.go_on(step).await;
    }
    let cuddy = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let (zoe, lisa) = (world.sign_in_as_patient(story.patient).await, world.sign_in_as_patient(cuddy.id()).await);
    for (collection, field) in [
        ("appointments", "appointment_id"),
        ("records", "record_id"),
        ("documents", "document_id"),
        ("insights", "insight_id"),
        ("consents", "consent_id"),
    ] {
        let own = zoe.get_after(&format!("/v1/{collection}"), &cuddy).await.items(field);
        assert!(!own.is_empty(), "{collection}");
        assert_eq!(lisa.get_after(&format!("/v1/{collection}"), &cuddy).await.items(field), Vec::<Value>::new(), "{collection}");
        lisa.get(&format!("/v1/{collection}?patient={}", story.patient)).await.is_problem(404, None);
        for as_of in [String::new(), format!("?as_of={}", cuddy.position())] {
            let path = format!("/v1/{collection}/{}{as_of}", own[0].as_str().unwrap());
            lisa.get(&path).await.is_problem(404, None);
            assert_eq!(zoe.get(&path).await.status, 200, "{path}");
        }
    }
    lisa.get(&format!("/v1/patients/{}/conditions", story.patient)).await.is_problem(404, None);
    assert_eq!(zoe.get(&format!("/v1/patients/{}/conditions", story.patient)).await.items("status"), [json!("ACTIVE")]);
}

#[tokio::test]
async fn who_may_not_read_something_is_refused() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    for path in ["/v1/patients", "/v1/records", "/v1/audit/audit-logs"] {
        admin.get(path).await.is_problem(403, None);
    }
    staff.get("/v1/insights").await.is_problem(403, None);
    staff.get("/v1/documents").await.is_problem(403, None);
    staff.get(&format!("/v1/patients/{}/history", Uuid::now_v7())).await.is_problem(403, None);
    staff.get("/v1/accounts").await.is_problem(403, None);
    staff.get("/v1/log/proof/inclusion?position=1").await.is_problem(403, None);
}

#[tokio::test]
async fn what_a_patient_had_is_over_and_what_they_never_had_is_an_error() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let (asthma, gout) = (Uuid::now_v7(), Uuid::now_v7());
    for entry in [asthma, gout] {
        let body = json!({ "entry_id": entry, "condition": { "code": crate::story::code("44054006"), "status": "ACTIVE", "onset": "2020-01-01" } });
        story.on_patient("record-condition", &body).await;
    }
    story.on_patient("end-history-entry", &json!({ "list": "CONDITIONS", "entry_id": asthma, "ended": "2024-05-01", "reason": "cured" })).await;
    let wrong = json!({ "list": "CONDITIONS", "entry_id": gout, "reason": "of another patient" });
    story.on_patient("mark-history-entry-in-error", &wrong).await;
    let path = format!("/v1/patients/{}", story.patient);
    let shown = story.doctor.get_after(&format!("{path}/conditions"), &story.last).await;
    let told = |i: usize| ["status", "ended", "status_reason"].map(|field| shown.body["items"][i][field].clone());
    assert_eq!(told(0), [json!("RESOLVED"), json!("2024-05-01"), json!("cured")]);
    assert_eq!(told(1), [json!("ENTERED_IN_ERROR"), Value::Null, json!("of another patient")]);

    let again = story.doctor.post(&format!("{path}/mark-history-entry-in-error"), &wrong).await;
    assert_eq!((again.status, &again.body["events"]), (axum::http::StatusCode::OK, &json!([])));
    let end = |list: &str, entry: Uuid| json!({ "list": list, "entry_id": entry, "ended": "2024-05-01" });
    let refused = story.doctor.post(&format!("{path}/end-history-entry"), &end("CONDITIONS", gout)).await;
    refused.is_problem(409, None);
    let unknown = story.doctor.post(&format!("{path}/end-history-entry"), &end("ALLERGIES", asthma)).await;
    unknown.is_problem(422, Some("entry_id"));
}

#[tokio::test]
async fn an_insight_is_accepted_or_overridden_with_a_reason_and_found_by_that() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let insight = |title: &str| json!({ "patient_id": story.patient, "insight_type": "TREND", "title": title, "data": {} });
    let [right, wrong, unsaid] = [
        doctor.must("/v1/insights", &insight("a")).await,
        doctor.must("/v1/insights", &insight("b")).await,
        doctor.must("/v1/insights", &insight("c")).await,
    ];
    let accept = format!("/v1/insights/{}/accept", right.id());
    let accepted = doctor.must(&accept, &json!({ "reason": "seen on the ward" })).await;
    assert_eq!(doctor.must(&accept, &json!({})).await.header("etag"), accepted.header("etag"), "once");
    let overrule = format!("/v1/insights/{}/override", wrong.id());
    doctor.post(&overrule, &json!({ "reason": " " })).await.is_problem(422, Some("reason"));
    let last = doctor.must(&overrule, &json!({ "reason": "the sensor was loose" })).await;
    let found_by = |parameters: &str| format!("/v1/insights?patient={}{parameters}", story.patient);
    for (parameters, found) in [
        ("", vec![right.id(), wrong.id(), unsaid.id()]),
        ("&feedback=ACCEPTED", vec![right.id()]),
        ("&feedback=OVERRIDDEN", vec![wrong.id()]),
        ("&feedback=OVERRIDDEN&status=REVIEWED", vec![]),
    ] {
        let listed = doctor.get_after(&found_by(parameters), &last).await;
        assert_eq!(listed.items("insight_id"), found.iter().map(|id| json!(id)).collect::<Vec<_>>(), "{parameters}");
    }
    doctor.get(&found_by("&feedback=MAYBE")).await.is_problem(422, Some("feedback"));
    let shown = doctor.get_after(&format!("/v1/insights/{}", wrong.id()), &last).await.body;
    assert_eq!(shown["feedback"], "OVERRIDDEN");
    assert_eq!(shown["feedback_reason"], "the sensor was loose");
    assert_eq!(shown["feedback_by"], json!(doctor.account_id));
    assert!(shown["feedback_at"].is_string() && shown["status"] == "GENERATED", "{shown}");
    let patient = world.sign_in_as_patient(story.patient).await;
    patient.post(&accept, &json!({})).await.is_problem(403, None);
}

#[tokio::test]
async fn an_insight_whose_time_has_run_out_is_not_active_before_anybody_notices() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let expires_at = chrono::Utc::now() + chrono::TimeDelta::milliseconds(1_500);
    let insight = json!({ "patient_id": story.patient, "insight_type": "TREND", "title": "Brief", "data": {}, "expires_at": expires_at });
    let generated = doctor.must("/v1/insights", &insight).await;
    let path = format!("/v1/insights/{}", generated.id());
    assert_eq!(doctor.get_after(&path, &generated).await.body["status"], "GENERATED");
    let active = format!("/v1/insights?patient={}&status=GENERATED", story.patient);
    assert_eq!(doctor.get(&active).await.items("insight_id").len(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(1_600)).await;
    let shown = doctor.get(&path).await.body;
    assert_eq!((&shown["status"], &shown["expired_at"]), (&json!("EXPIRED"), &Value::Null), "by the clock: nobody has noticed");
    assert_eq!(doctor.get(&active).await.items("insight_id"), Vec::<Value>::new());
    let listed = doctor.get(&format!("/v1/insights?patient={}", story.patient)).await;
    assert_eq!(listed.items("status"), [json!("EXPIRED")]);
    for command in ["review", "act-on", "accept"] {
        doctor.post(&format!("{path}/{command}"), &json!({})).await.is_problem(409, None);
    }
    let then = doctor.get(&format!("{path}?as_of={}", generated.position())).await.body;
    assert_eq!(then["status"], "GENERATED", "the past is as the log tells it");
}

#[tokio::test]
async fn records_are_found_by_words_of_what_is_sealed_in_them() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let other = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let (mut ids, mut last) = (Vec::new(), None);
    for (of, title, notes) in
        [(story.patient, "Ward round", "Suspected Sépsis"), (other, "Night", "sepsis ruled out"), (story.patient, "Discharge", "well")]
    {
        let mut body = record(of, "CLINICAL_NOTE", "2024-01-01T00:00:00Z", title);
        body["record"]["notes"] = json!(notes);
        let written = doctor.must("/v1/records", &body).await;
        ids.push(json!(written.id()));
        last = Some(written);
    }
    doctor.get_after("/v1/records", &last.unwrap()).await;
    let own = story.patient.to_string();
    for (parameters, found) in [
        (&[("words", "SEPSIS")][..], vec![&ids[0], &ids[1]]),
        (&[("words", "sepsis ward")], vec![&ids[0]]),
        (&[("words", "sepsis"), ("patient", &own)], vec![&ids[0]]),
        (&[("words", "well"), ("type", "CLINICAL_NOTE")], vec![&ids[2]]),
        (&[("words", "well"), ("type", "IMAGING")], vec![]),
        (&[("words", "seps")], vec![]),
    ] {
        let listed = doctor.get(&format!("/v1/records{}", query(parameters))).await;
        assert_eq!(listed.items("record_id").iter().collect::<Vec<_>>(), found, "{parameters:?}");
        assert!(listed.body["items"].as_array().unwrap().iter().all(|item| item["word_tokens"].is_null()), "hashes aren't shown");
    }
    let page = doctor.get("/v1/records?words=sepsis&limit=1").await;
    let next = page.body["next"].as_str().unwrap();
    assert_eq!(doctor.get(&format!("/v1/records?words=sepsis&limit=1&cursor={next}")).await.items("record_id"), [ids[1].clone()]);
    let zoe = world.sign_in_as_patient(story.patient).await;
    assert_eq!(zoe.get("/v1/records?words=sepsis").await.items("record_id"), [ids[0].clone()]);
    for wrong in [&[("words", "…")][..], &[("words", "a b c d e f g h i")], &[("words", "sepsis"), ("patient", &own), ("as_of", "1")]] {
        doctor.get(&format!("/v1/records{}", query(wrong))).await.is_problem(422, Some("words"));
    }
    let elsewhere = world.sign_in_to(world.found("Second House").await, Role::Provider, None).await;
    assert_eq!(elsewhere.get("/v1/records?words=sepsis").await.items("record_id"), Vec::<Value>::new());
}
