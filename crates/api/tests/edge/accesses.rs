use anamnesis_domain::account::Role;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::story::Story;
use crate::world::{World, patient};

/// Waits until the audit tables have what was recorded by now.
async fn access_rows(world: &World) -> Vec<(String, String, String, Vec<String>, Option<i64>)> {
    let head = world.app.log.wait_for(1, std::time::Duration::from_secs(5)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    world
        .app
        .projecting
        .wait_until("data_access_logs", anamnesis_projector::Wanted::everything(head.position), std::time::Duration::from_secs(10))
        .await
        .unwrap();
    sqlx::query_as(
        "select patient_id::text, outcome, resource_type, data_elements_accessed, as_of_position from audit.data_access_logs order by position, patient_id",
    )
    .fetch_all(&world.database.superuser())
    .await
    .unwrap()
}

#[tokio::test]
async fn every_read_of_a_patients_data_is_recorded_with_whom_it_named() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let id = story.patient;
    story.doctor.get_after("/v1/patients", &other).await.items("patient_id");
    let rows = access_rows(&world).await;
    assert_eq!(rows.len(), 2, "one for each patient on the page: {rows:?}");
    assert_eq!((rows[0].0.as_str(), rows[0].1.as_str(), rows[0].2.as_str()), (id.to_string().as_str(), "GRANTED", "patients"));
    assert!(rows[0].3.contains(&"demographics".to_owned()) && !rows[0].3.iter().any(|name| name.ends_with("_index")), "{rows:?}");

    for (n, path) in
        [format!("/v1/patients/{id}?as_of={}", story.last.position()), format!("/v1/patients/{id}/history"), format!("/v1/records?patient={id}")]
            .into_iter()
            .enumerate()
    {
        assert_eq!(story.doctor.get(&path).await.status, 200);
        let rows = access_rows(&world).await;
        assert_eq!(rows.len(), 3 + n, "{path}");
    }
    assert_eq!(access_rows(&world).await[2].4, Some(story.last.position().cast_signed()));
}

#[tokio::test]
async fn of_many_who_ask_at_the_same_moment_each_is_who_they_are() {
    let world = World::new().await;
    let (staff, analyst, left) = (world.sign_in(Role::Staff).await, world.sign_in(Role::Analyst).await, world.sign_in(Role::Staff).await);
    let nobody = world.nobody();
    assert_eq!(left.post("/v1/auth/logout", &Value::Null).await.status, 204);
    let everybody = [(&staff, 200), (&analyst, 403), (&left, 401), (&nobody, 401)].repeat(16);
    let asking = everybody.into_iter().map(|(client, expected)| async move { (client.get("/v1/patients").await.status.as_u16(), expected) });
    for (status, expected) in join_all(asking).await {
        assert_eq!(status, expected);
    }
}

#[tokio::test]
async fn the_directory_is_not_a_patients_data() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let before = world.count("journal.events where aggregate_type = 'access'").await;
    for path in ["/v1/providers", "/v1/facilities", "/v1/organizations", &format!("/v1/providers/{}", story.provider)] {
        assert_eq!(story.doctor.get_after(path, &story.last).await.status, 200, "{path}");
    }
    assert_eq!(world.count("journal.events where aggregate_type = 'access'").await, before);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_released() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let path = format!("/v1/patients/{}", story.patient);
    assert_eq!(story.doctor.get_after(&path, &story.last).await.status, 200);
    let forbid = "create function journal.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
                  create trigger no before insert on journal.events for each statement execute function journal.no()";
    sqlx::raw_sql(forbid).execute(&world.database.superuser()).await.unwrap();
    for path in [path.clone(), format!("{path}?as_of={}", story.last.position()), format!("{path}/history"), "/v1/patients".to_owned()] {
        let refused = story.doctor.get(&path).await;
        refused.is_problem(503, None);
        assert!(!String::from_utf8_lossy(&refused.bytes).contains("Glover"));
    }
    // what says nothing about a patient is given all the same
    assert_eq!(story.doctor.get("/v1/providers").await.status, 200);
}

#[tokio::test]
async fn trying_to_see_what_is_out_of_reach_is_recorded() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let cuddy = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let lisa = world.sign_in_as_patient(cuddy.id()).await;
    let id = story.patient;
    for path in [
        format!("/v1/patients/{id}"),
        format!("/v1/patients/{id}/history"),
        format!("/v1/records?patient={id}"),
        format!("/v1/patients/{id}/disclosures"),
    ] {
        lisa.get(&path).await.is_problem(404, None);
    }
    let rows = access_rows(&world).await;
    let denied: Vec<_> = rows.iter().filter(|row| row.1 == "DENIED" && row.0 == id.to_string()).collect();
    assert_eq!(denied.len(), 4, "{rows:?}");
}

#[tokio::test]
async fn asking_for_another_patients_thing_by_its_id_is_recorded_as_well() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let (mut things, mut step) = (std::collections::BTreeMap::new(), 0);
    while story.go_on(step).await {
        step += 1;
        let collection = story.last.header("location").split('/').nth(2).unwrap().to_owned();
        things.insert(collection, story.last.id());
    }
    let cuddy = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let lisa = world.sign_in_as_patient(cuddy.id()).await;
    for collection in ["appointments", "records", "documents", "insights", "predictions", "consents"] {
        let path = format!("/v1/{collection}/{}", things[collection]);
        lisa.get_after(&path, &story.last).await.is_problem(404, None);
        lisa.get(&format!("{path}?as_of={}", story.last.position())).await.is_problem(404, None);
        lisa.get(&format!("/v1/{collection}/{}", uuid::Uuid::now_v7())).await.is_problem(404, None);
    }
    lisa.post(&format!("/v1/consents/{}/revoke", things["consents"]), &json!({})).await.is_problem(404, None);
    let grantee = json!({ "provider_id": story.provider });
    let consent = json!({ "patient_id": story.patient, "grantee": grantee, "purposes": ["TREATMENT"], "categories": ["ALL"] });
    lisa.post("/v1/consents", &consent).await.is_problem(404, None);
    let rows = access_rows(&world).await;
    let denied: Vec<_> = rows.iter().filter(|row| row.1 == "DENIED").collect();
    assert_eq!(denied.len(), 14, "{rows:?}");
    assert!(denied.iter().all(|row| row.0 == story.patient.to_string()), "{rows:?}");
}

#[tokio::test]
async fn an_access_is_recorded_with_the_place_that_a_trusted_proxy_tells() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let path = format!("/v1/patients/{}", story.patient);
    story.doctor.get_after(&path, &story.last).await;
    assert_eq!(story.doctor.get_with(&path, &[("x-forwarded-for", "1.1.1.1, 203.0.113.7")]).await.status, 200);
    let auditor = world.sign_in(Role::Auditor).await;
    access_rows(&world).await;
    let told = auditor.get(&format!("/v1/audit/data-access-logs?patient={}", story.patient)).await;
    assert_eq!(told.items("ip_address"), [json!("203.0.113.7"), json!("10.0.0.1")], "newest first");
}

#[tokio::test]
async fn a_patient_learns_who_has_looked_at_their_data() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let path = format!("/v1/patients/{}", story.patient);
    story.doctor.get_after(&path, &story.last).await;
    let zoe = world.sign_in_as_patient(story.patient).await;
    let disclosures = format!("{path}/disclosures");
    let position = world.app.log.head().await.unwrap().position;
    let told = zoe.get_with(&disclosures, &[("anamnesis-after", &position.to_string())]).await;
    assert_eq!(told.items("user_id"), [json!(story.doctor.account_id)]);
    assert_eq!(told.items("purpose_of_access"), [json!("TREATMENT")]);
    assert_eq!(told.items("action"), [json!("READ")]);

    // to have looked at it is an access too, and the latest stands first
    let seen_by_auditor = world.sign_in(Role::PrivacyOfficer).await;
    let position = world.app.log.wait_for(position + 1, std::time::Duration::from_secs(5)).await.unwrap().position;
    let again = seen_by_auditor.get_with(&disclosures, &[("anamnesis-after", &position.to_string())]).await;
    assert_eq!(again.items("action"), [json!("DISCLOSURES"), json!("READ")]);
    let then = seen_by_auditor.get(&format!("{disclosures}?as_of={}", told.position())).await;
    assert_eq!(then.bytes, told.bytes);

    story.doctor.get(&disclosures).await.is_problem(403, None);
}

#[tokio::test]
async fn auditors_see_every_act_and_others_none() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let path = format!("/v1/patients/{}", story.patient);
    story.doctor.get_after(&path, &story.last).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let after = world.app.log.head().await.unwrap().position.to_string();
    let after = [("anamnesis-after", after.as_str())];

    let acts = auditor.get_with(&format!("/v1/audit/audit-logs?resource={}", story.patient), &after).await;
    assert_eq!(acts.items("event_type"), [json!("PatientRegistered")]);
    assert_eq!(acts.body["items"][0]["new_values"]["patient"]["name"]["family"], "Glover");
    let accesses = auditor.get_with(&format!("/v1/audit/data-access-logs?patient={}&outcome=GRANTED", story.patient), &after).await;
    // the auditor's own reading of the acts is an access too, told as soon as it is projected
    assert_eq!(accesses.items("user_id").last(), Some(&json!(story.doctor.account_id)));
    assert!(accesses.items("user_id").iter().rev().skip(1).all(|by| *by == json!(auditor.account_id)), "{}", accesses.body);
    let compliance = auditor.get_with("/v1/audit/compliance-logs?limit=1", &after).await;
    assert_eq!(compliance.items("severity").len(), 1, "{}", compliance.body);

    // newest first, page by page, each once
    let (mut positions, mut page): (Vec<Value>, _) = (Vec::new(), auditor.get("/v1/audit/audit-logs?limit=3").await);
    let until = page.position();
    while let Some(next) = page.body["next"].as_str() {
        positions.extend(page.items("position"));
        page = auditor.get(&format!("/v1/audit/audit-logs?limit=3&cursor={next}")).await;
    }
    positions.extend(page.items("position"));
    let expected: Vec<_> = (1..=until).rev().map(|position| json!(position)).collect();
    let ours: Vec<_> = positions.into_iter().filter(|position| position.as_u64().unwrap() <= until).collect();
    assert_eq!(ours.len(), ours.iter().collect::<std::collections::HashSet<_>>().len());
    assert!(expected.iter().filter(|position| ours.contains(position)).eq(ours.iter()), "{ours:?}");

    let second = world.found("Second House").await;
    let stranger = world.sign_in_to(second, Role::Auditor, None).await;
    assert_eq!(stranger.get(&format!("/v1/audit/audit-logs?resource={}", story.patient)).await.items("event_type"), Vec::<Value>::new());
}

#[tokio::test]
async fn reading_a_matter_is_recorded_for_each_patient_whom_it_names() {
    let world = World::new().await;
    let doctor = world.sign_in(Role::Provider).await;
    let officer = world.sign_in(Role::PrivacyOfficer).await;
    let zoe = doctor.must("/v1/patients", &patient("P-1", "Glover", "Zoe")).await.id();
    let lisa = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let hold = json!({ "matter": "30-cv-117", "reason": "discovery", "patient_ids": [zoe] });
    let placed = officer.must("/v1/compliance/legal-holds", &hold).await;
    let finding = json!({ "finding_type": "UNUSUAL_ACCESS", "severity": "WARNING", "title": "Read at night", "patient_ids": [zoe, lisa],
        "discovered_at": "2026-01-30T08:00:00Z" });
    let raised = officer.must("/v1/compliance/findings", &finding).await;

    let mut known = 0;
    for (path, named) in [
        (format!("/v1/compliance/legal-holds/{}", placed.id()), vec![zoe]),
        (format!("/v1/compliance/legal-holds?patient={lisa}"), vec![lisa]),
        (format!("/v1/compliance/findings/{}", raised.id()), vec![zoe, lisa]),
        ("/v1/compliance/findings".to_owned(), vec![zoe, lisa]),
        (format!("/v1/audit/audit-logs?resource={}", raised.id()), vec![zoe, lisa]),
        (format!("/v1/streams/audit-events?identified=true&from={}&limit=1", raised.position()), vec![zoe, lisa]),
    ] {
        let answer = officer.get_after(&path, &raised).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let rows = access_rows(&world).await;
        let mut expected: Vec<_> = named.iter().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(rows[known..].iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected, "{path}");
        known = rows.len();
    }
}

#[tokio::test]
async fn that_a_model_was_never_asked_about_somebody_is_told_of_them_too() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let question = json!({ "model_version": "9.9", "patient_id": story.patient, "input": { "age": 3 } });
    let answer = story.doctor.post(&format!("/v1/models/{}/find-prediction", story.model), &question).await;
    assert_eq!(answer.status, 404);
    let rows = access_rows(&world).await;
    assert_eq!((rows.len(), rows[0].0.clone(), rows[0].2.as_str()), (1, story.patient.to_string(), "predictions"));
}
