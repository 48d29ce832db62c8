//! May anything be said of what isn't there, or isn't the patient's?

use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, appointment, code, record};
use crate::world::{World, patient};

/// `body` with `value` put at that place.
fn with(body: &Value, place: &str, value: impl Into<Value>) -> Value {
    let (parent, name) = place.rsplit_once('/').unwrap();
    let mut body = body.clone();
    body.pointer_mut(parent).unwrap()[name] = value.into();
    body
}

#[tokio::test]
async fn whatever_a_command_names_is_there_or_it_is_refused() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (admin, doctor, staff) = (world.sign_in(Role::Admin).await, &story.doctor, world.sign_in(Role::Staff).await);
    let (of_patient, of_provider) = (format!("/v1/patients/{}", story.patient), format!("/v1/providers/{}", story.provider));
    let visit = json!({ "patient_id": story.patient, "status": "FINISHED", "started_at": "2024-05-01T08:00:00Z" });
    let visited = doctor.must("/v1/appointments/visits", &visit).await.id();
    let written = doctor.must("/v1/records", &record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c")).await.id();
    let account =
        json!({ "account": { "profile": { "email": "x@example.org", "display_name": "X" }, "links": {} }, "password": "a long enough one" });
    let entry = json!({ "code": code("44054006"), "status": "ACTIVE" });
    let consent = json!({ "patient_id": story.patient, "grantee": {}, "purposes": ["TREATMENT"], "categories": ["ALL"] });
    let insight = json!({ "patient_id": story.patient, "insight_type": "TREND", "title": "Rising", "data": "{}", "confidence": 0.1 });
    let (id, new) = (Uuid::now_v7(), patient("P-9", "Thirteen", "Remy"));
    let any = json!(id);
    let written_again = with(&record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c"), "/reason", json!("a slip"));
    let cases = [
        (&staff, "/v1/patients".to_owned(), with(&new, "/account_id", any.clone()), "account_id"),
        (&staff, "/v1/patients".to_owned(), with(&new, "/primary_care_provider_id", any.clone()), "primary_care_provider_id"),
        (&staff, "/v1/patients".to_owned(), with(&new, "/care_team", json!([{ "provider_id": id }])), "care_team"),
        (doctor, format!("{of_patient}/assign-primary-care-provider"), json!({ "provider_id": id }), "provider_id"),
        (
            doctor,
            format!("{of_patient}/change-care-team"),
            json!({ "care_team": [{ "provider_id": story.provider }, { "provider_id": id }] }),
            "care_team",
        ),
        (doctor, format!("{of_patient}/link-account"), json!({ "account_id": id }), "account_id"),
        (doctor, format!("{of_patient}/record-condition"), json!({ "condition": with(&entry, "/record_id", any.clone()) }), "condition.record_id"),
        (doctor, format!("{of_patient}/record-allergy"), json!({ "allergy": with(&entry, "/record_id", any.clone()) }), "allergy.record_id"),
        (doctor, format!("{of_patient}/record-medication"), json!({ "medication": with(&entry, "/record_id", any.clone()) }), "medication.record_id"),
        (
            doctor,
            format!("{of_patient}/record-medication"),
            json!({ "medication": with(&entry, "/prescriber_id", any.clone()) }),
            "medication.prescriber_id",
        ),
        (&staff, "/v1/consents".to_owned(), with(&consent, "/grantee/provider_id", any.clone()), "grantee.provider_id"),
        (&staff, "/v1/consents".to_owned(), with(&consent, "/grantee/facility_id", any.clone()), "grantee.facility_id"),
        (doctor, "/v1/appointments/visits".to_owned(), with(&visit, "/provider_id", any.clone()), "provider_id"),
        (doctor, "/v1/appointments/visits".to_owned(), with(&visit, "/facility_id", any.clone()), "facility_id"),
        (
            doctor,
            format!("/v1/appointments/{visited}/correct-visit"),
            json!({ "visit": with(&visit, "/provider_id", any.clone()) }),
            "visit.provider_id",
        ),
        (
            doctor,
            format!("/v1/appointments/{visited}/correct-visit"),
            json!({ "visit": with(&visit, "/facility_id", any.clone()) }),
            "visit.facility_id",
        ),
        (
            doctor,
            "/v1/records".to_owned(),
            with(&record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "X"), "/record/provider_id", any.clone()),
            "record.provider_id",
        ),
        (doctor, format!("/v1/records/{written}/amend"), with(&written_again, "/record/appointment_id", any.clone()), "record.appointment_id"),
        (doctor, "/v1/insights".to_owned(), with(&insight, "/record_ids", json!([written, id])), "record_ids"),
        (&admin, format!("{of_provider}/link-account"), json!({ "account_id": id }), "account_id"),
        (&admin, format!("{of_provider}/affiliate"), json!({ "affiliation": { "facility_id": id } }), "affiliation.facility_id"),
        (&admin, "/v1/facilities".to_owned(), json!({ "name": "Ward", "kind": "DEPARTMENT", "parent_id": id }), "parent_id"),
        (
            &admin,
            format!("/v1/facilities/{}/change", story.facility),
            json!({ "name": "St. Mary's", "kind": "HOSPITAL", "parent_id": id }),
            "parent_id",
        ),
        (&admin, "/v1/accounts".to_owned(), with(&account, "/account/links/patient_id", any.clone()), "account.links.patient_id"),
        (&admin, "/v1/accounts".to_owned(), with(&account, "/account/links/provider_id", any.clone()), "account.links.provider_id"),
        (&admin, format!("/v1/accounts/{}/link", doctor.account_id), json!({ "patient_id": id }), "patient_id"),
        (&admin, format!("/v1/accounts/{}/link", doctor.account_id), json!({ "provider_id": id }), "provider_id"),
    ];
    let events = "journal.events where aggregate_type <> 'access'";
    let before = world.count(events).await;
    for (client, path, body, field) in cases {
        let refused = client.post(&path, &body).await;
        assert_eq!(refused.body["errors"][0]["field"], field, "{path} {body}: {}", refused.body);
        refused.is_problem(422, Some(field));
    }
    assert_eq!(world.count(events).await, before, "nothing is written");
}

#[tokio::test]
async fn what_is_another_patients_looks_as_if_it_were_not_there() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let doctor = &story.doctor;
    let other = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let theirs = doctor.must("/v1/records", &record(other, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c")).await.id();
    let visit = doctor.must("/v1/appointments", &appointment(other, story.provider, "2031-03-01T09:00:00Z")).await.id();
    let of_appointment = |about: Uuid| {
        let mut body = record(about, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c");
        body["record"]["appointment_id"] = json!(visit);
        body
    };
    let insight = |about: Uuid| json!({ "patient_id": about, "insight_type": "TREND", "title": "Rising", "data": "{}", "confidence": 0.1, "record_ids": [theirs] });
    doctor.post("/v1/records", &of_appointment(story.patient)).await.is_problem(422, Some("record.appointment_id"));
    doctor.must("/v1/records", &of_appointment(other)).await;
    doctor.post("/v1/insights", &insight(story.patient)).await.is_problem(422, Some("record_ids"));
    doctor.must("/v1/insights", &insight(other)).await;
    let entry = json!({ "condition": { "code": code("44054006"), "status": "ACTIVE", "record_id": theirs } });
    doctor.post(&format!("/v1/patients/{}/record-condition", story.patient), &entry).await.is_problem(422, Some("condition.record_id"));
    doctor.must(&format!("/v1/patients/{other}/record-condition"), &entry).await;
}
