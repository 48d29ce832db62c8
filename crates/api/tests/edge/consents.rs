//! Who may say that a patient consents?

use anamnesis_domain::account::Role;
use serde_json::{Value, json};

use crate::story::Story;
use crate::world::{World, patient};

#[tokio::test]
async fn a_provider_notes_no_consent_that_lets_them_in_themselves() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let place = |id| json!({ "affiliation_id": uuid::Uuid::now_v7(), "affiliation": { "facility_id": id } });
    admin.must(&format!("/v1/providers/{}/affiliate", story.provider), &place(story.facility)).await;
    let elsewhere = admin.must("/v1/facilities", &json!({ "name": "St. Anne's", "kind": "HOSPITAL" })).await.id();
    let house = world.sign_in_as_provider(story.provider).await;

    let consent = |grantee: &Value| json!({ "patient_id": story.patient, "grantee": grantee, "purposes": ["TREATMENT"], "categories": ["ALL"] });
    for themselves in [json!({ "provider_id": story.provider }), json!({ "facility_id": story.facility })] {
        let refused = house.post("/v1/consents", &consent(&themselves)).await;
        refused.is_problem(422, Some("grantee"));
        assert_eq!(refused.body["rule"], "for_themselves");
        let granted = staff.must("/v1/consents", &consent(&themselves)).await;
        house.must(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).await;
    }
    house.must("/v1/consents", &consent(&json!({ "facility_id": elsewhere }))).await;
    let colleague = json!({ "provider_number": "D-2", "name": { "family": "Wilson", "given": ["James"] } });
    let colleague = admin.must("/v1/providers", &colleague).await.id();
    house.must("/v1/consents", &consent(&json!({ "provider_id": colleague }))).await;
}

#[tokio::test]
async fn who_is_the_patient_may_let_anybody_in() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let own = story.doctor.must("/v1/patients", &patient("P-2", "House", "Greg")).await.id();
    let house = world.sign_in_as_both(story.provider, own).await;
    let consent = |patient| {
        let grantee = json!({ "provider_id": story.provider });
        json!({ "patient_id": patient, "grantee": grantee, "purposes": ["TREATMENT"], "categories": ["ALL"] })
    };
    house.must("/v1/consents", &consent(own)).await;
    house.post("/v1/consents", &consent(story.patient)).await.is_problem(422, Some("grantee"));
}

#[tokio::test]
async fn a_consent_whose_time_is_over_is_listed_and_shown_as_expired() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let soon = chrono::Utc::now() + chrono::TimeDelta::milliseconds(1_500);
    let consent = |expires_at: chrono::DateTime<chrono::Utc>| {
        json!({ "patient_id": story.patient, "grantee": { "facility_id": story.facility }, "purposes": ["TREATMENT"], "categories": ["ALL"],
            "expires_at": expires_at })
    };
    let later = soon + chrono::TimeDelta::days(1);
    let mut granted = Vec::new();
    for until in [soon, later, later] {
        granted.push(json!(story.doctor.must("/v1/consents", &consent(until)).await.id()));
    }
    let [short, long, revoked] = [&granted[0], &granted[1], &granted[2]];
    let last = story.doctor.must(&format!("/v1/consents/{}/revoke", revoked.as_str().unwrap()), &json!({})).await;
    let path = format!("/v1/consents?patient={}", story.patient);
    let listed = async |status: &str| story.doctor.get_after(&format!("{path}&status={status}"), &last).await.items("consent_id");

    tokio::time::sleep((soon - chrono::Utc::now()).to_std().unwrap_or_default()).await;
    for (status, found) in [("ACTIVE", long), ("EXPIRED", short), ("REVOKED", revoked)] {
        assert_eq!(listed(status).await, std::slice::from_ref(found), "{status}");
    }
    let shown = story.doctor.get_after(&path, &last).await;
    assert_eq!(shown.items("status"), [json!("EXPIRED"), json!("ACTIVE"), json!("REVOKED")]);
    let one = format!("/v1/consents/{}", short.as_str().unwrap());
    assert_eq!(story.doctor.get(&one).await.body["status"], "EXPIRED");
    // what was told then is told again
    assert_eq!(story.doctor.get(&format!("{one}?as_of={}", last.position())).await.body["status"], "ACTIVE");
    story.doctor.get(&format!("{path}&status=EXPIRED&as_of={}", last.position())).await.is_problem(422, Some("status"));
    story.doctor.get(&format!("{path}&status=OVER")).await.is_problem(422, Some("status"));
}
