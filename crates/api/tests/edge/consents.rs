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
        refused.is_problem(422, None);
        assert_eq!(refused.body["rule"], "for_themselves");
        let granted = staff.must("/v1/consents", &consent(&themselves)).await;
        house.must(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).await;
    }
    house.must("/v1/consents", &consent(&json!({ "facility_id": elsewhere }))).await;
    house.must("/v1/consents", &consent(&json!({ "provider_id": uuid::Uuid::now_v7() }))).await;
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
    house.post("/v1/consents", &consent(story.patient)).await.is_problem(422, None);
}
