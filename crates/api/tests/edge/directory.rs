use anamnesis_domain::account::Role;
use anamnesis_domain::provider::{Provider, ProviderCommand};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::Story;
use crate::world::{World, caller};

#[tokio::test]
async fn providers_are_found_and_shown_with_where_they_work() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let path = format!("/v1/providers/{}", story.provider);
    let affiliated = admin.must(&format!("{path}/affiliate"), &json!({ "affiliation": { "facility_id": story.facility } })).await;
    let shown = admin.get_after(&path, &affiliated).await;
    assert_eq!((&shown.body["name"]["family"], shown.header("etag")), (&json!("House"), "\"2\""), "{}", shown.body);
    assert_eq!(shown.body["affiliations"][0]["facility_id"], json!(story.facility));
    for (parameters, found) in
        [("specialty=CARDIOLOGY", 1), ("specialty=DENTISTRY", 0), ("name=house", 1), ("name=hous", 0), ("number=d-1", 1), ("verified=false", 1)]
    {
        assert_eq!(admin.get(&format!("/v1/providers?{parameters}")).await.items("affiliations").len(), found, "{parameters}");
    }
    let zoe = world.sign_in_as_patient(story.patient).await;
    assert_eq!(zoe.get(&path).await.status, 200, "patients may look up who works here");
    admin.get(&format!("/v1/providers/{}", Uuid::now_v7())).await.is_problem(404, None);
    admin.get(&format!("{path}?as_of=1")).await.is_problem(422, Some("as_of"));
}

#[tokio::test]
async fn facilities_and_the_organization_are_shown() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let listed = story.doctor.get_after("/v1/facilities?name=mary&kind=HOSPITAL&status=OPEN", &story.last).await;
    assert_eq!(listed.items("facility_id"), [json!(story.facility)]);
    assert_eq!(story.doctor.get(&format!("/v1/facilities/{}", story.facility)).await.body["name"], "St. Mary's");
    world.found("Second House").await;
    assert_eq!(story.doctor.get("/v1/organizations").await.items("name"), [json!("First House")]);
    assert_eq!(story.doctor.get(&format!("/v1/organizations/{}", world.organization)).await.body["status"], "OPEN");
}

#[tokio::test]
async fn accounts_are_shown_with_their_roles_and_without_secrets() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (zoe, admin) = (world.sign_in_as_patient(story.patient).await, world.sign_in(Role::Admin).await);
    let head = world.app.log.head().await.unwrap().position.to_string();
    let after = [("anamnesis-after", head.as_str())];
    let listed = admin.get_with(&format!("/v1/accounts?patient={}", story.patient), &after).await;
    assert_eq!(listed.items("user_id"), [json!(zoe.account_id)]);
    let shown = admin.get_with(&format!("/v1/accounts/{}", zoe.account_id), &after).await;
    assert_eq!(shown.body["roles"][0]["role"], "PATIENT", "{}", shown.body);
    assert_eq!(shown.body["profile"]["display_name"], "Somebody");
    assert_eq!(shown.body["status"], "ACTIVE");
    let email = shown.body["email"].as_str().unwrap();
    assert_eq!(admin.get(&format!("/v1/accounts?email={}", email.to_uppercase())).await.items("user_id"), [json!(zoe.account_id)]);
    assert!(!shown.body.to_string().contains("password_hash"));
    // it is a patient's, so to see it is an access to their data
    let recorded = world.count(&format!("journal.events where aggregate_type = 'access' and actor_id = '{}'", admin.account_id)).await;
    assert_eq!(recorded, 3);
    assert_eq!(listed.body["next"], Value::Null);
}

#[tokio::test]
async fn patients_are_found_by_who_is_in_their_care_team() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let staff = world.sign_in(Role::Staff).await;
    let team = json!({ "care_team": [{ "provider_id": story.provider }] });
    let changed = staff.must(&format!("/v1/patients/{}/change-care-team", story.patient), &team).await;
    let path = format!("/v1/patients?care_team_member={}", story.provider);
    assert_eq!(staff.get_after(&path, &changed).await.items("patient_id"), [json!(story.patient)]);
    let nobody = staff.must(&format!("/v1/patients/{}/change-care-team", story.patient), &json!({ "care_team": [] })).await;
    assert!(staff.get_after(&path, &nobody).await.items("patient_id").is_empty());
}

#[tokio::test]
async fn providers_are_found_by_language_and_by_rating_the_best_first() {
    let world = World::new().await;
    let admin = world.sign_in(Role::Admin).await;
    let (mut ids, mut last) = (Vec::new(), None);
    for (number, languages, stars) in
        [("d-1", &["de-CH", "fr"][..], &[3_u8, 4][..]), ("d-2", &["en"], &[]), ("d-3", &["de"], &[5, 4]), ("d-4", &["en-GB"], &[5])]
    {
        let profile = json!({ "provider_number": number, "name": { "family": "House" }, "languages": languages });
        let registered = admin.must("/v1/providers", &profile).await;
        for given in stars {
            let (caller, stars) = (caller(world.organization), (*given).try_into().unwrap());
            let rate = ProviderCommand::Rate { now: caller.now, stars, appointment_id: None };
            world.app.journal.execute::<Provider>(registered.id(), rate, &caller, None).await.unwrap();
        }
        ids.push(json!(registered.id()));
        last = Some(registered);
    }
    // nothing is ahead of what comes after all of it
    let end = admin.must(&format!("/v1/providers/{}/suspend", last.unwrap().id()), &json!({ "reason": "on leave" })).await;
    let [half, unrated, good, best] = [&ids[0], &ids[1], &ids[2], &ids[3]];
    for (parameters, found) in [
        ("language=de", vec![half, good]),
        ("language=DE-ch", vec![half]),
        ("language=en", vec![unrated, best]),
        ("language=it", vec![]),
        ("min_rating=4.5", vec![good, best]),
        ("min_rating=4.51", vec![best]),
        ("min_rating=1", vec![half, good, best]),
        ("sort=rating", vec![best, good, half, unrated]),
        ("sort=rating&language=de&min_rating=4", vec![good]),
        ("sort=registered", vec![half, unrated, good, best]),
    ] {
        let listed = admin.get_after(&format!("/v1/providers?{parameters}"), &end).await;
        assert_eq!(listed.items("provider_id").iter().collect::<Vec<_>>(), found, "{parameters}");
    }
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/v1/providers?sort=rating&limit=1{cursor}")).await;
        pages.extend(page.items("rating"));
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(pages, [json!(5.0), json!(4.5), json!(3.5), Value::Null]);
    admin.get(&format!("/v1/providers?limit=1{cursor}")).await.is_problem(422, Some("cursor"));
    for (wrong, field) in [("min_rating=0.9", "min_rating"), ("min_rating=5.1", "min_rating"), ("language=d", "language"), ("sort=name", "sort")] {
        admin.get(&format!("/v1/providers?{wrong}")).await.is_problem(422, Some(field));
    }
}
