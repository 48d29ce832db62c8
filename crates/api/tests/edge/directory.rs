use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::Story;
use crate::world::World;

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
