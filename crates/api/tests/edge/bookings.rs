//! When can somebody be booked?

use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, appointment};
use crate::world::{Answer, Client, World, patient};

/// Mondays from nine to twelve; 3 March 2031 is one.
fn mondays(zone: &str) -> Value {
    json!({ "time_zone": zone, "weekly": [{ "weekday": "MONDAY", "from": "09:00", "until": "12:00" }] })
}

async fn set_hours(world: &World, provider: Uuid, hours: &Value) -> Client {
    let admin = world.sign_in(Role::Admin).await;
    admin.must(&format!("/v1/providers/{provider}/set-availability"), hours).await;
    admin
}

fn is_refused(answer: &Answer, rule: &str, field: &str) {
    answer.is_problem(409, None);
    assert_eq!(answer.body["rule"], rule);
    assert!(answer.body["detail"].as_str().unwrap().contains(field), "{}", answer.body);
}

#[tokio::test]
async fn a_time_is_arranged_in_the_providers_hours_or_not_at_all() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let book = async |at: &str| story.doctor.post("/v1/appointments", &appointment(story.patient, story.provider, at)).await;
    assert_eq!(book("2031-03-04T09:00:00Z").await.status, 201, "nobody said yet when");
    let admin = set_hours(&world, story.provider, &mondays("UTC")).await;
    is_refused(&book("2031-03-04T11:00:00Z").await, "outside_hours", "scheduled_at");
    let booked = book("2031-03-03T09:00:00Z").await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    let reschedule = format!("/v1/appointments/{}/reschedule", booked.id());
    is_refused(&story.doctor.post(&reschedule, &json!({ "scheduled_at": "2031-03-03T11:45:00Z" })).await, "outside_hours", "duration_minutes");
    story.doctor.must(&reschedule, &json!({ "scheduled_at": "2031-03-03T11:30:00Z" })).await;

    admin.must(&format!("/v1/providers/{}/suspend", story.provider), &json!({ "reason": "an investigation" })).await;
    is_refused(&book("2031-03-10T09:00:00Z").await, "provider_suspended", "provider_id");
    story.doctor.must(&format!("/v1/appointments/{}/confirm", booked.id()), &json!({})).await;
    let listed = story.doctor.get(&format!("/v1/appointments?provider={}", story.provider)).await;
    assert_eq!(listed.items("appointment_id").len(), 2, "what was booked is still to be seen");
}

#[tokio::test]
async fn an_appointment_names_what_is_there() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let with = |field: &str| {
        let mut body = appointment(story.patient, story.provider, "2031-03-03T09:00:00Z");
        body[field] = json!(Uuid::now_v7());
        body
    };
    for field in ["patient_id", "provider_id", "facility_id"] {
        story.doctor.post("/v1/appointments", &with(field)).await.is_problem(422, Some(field));
    }
    let booked = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-03T09:00:00Z")).await;
    let elsewhere = json!({ "scheduled_at": "2031-03-03T10:00:00Z", "provider_id": Uuid::now_v7() });
    story.doctor.post(&format!("/v1/appointments/{}/reschedule", booked.id()), &elsewhere).await.is_problem(422, Some("provider_id"));
}

#[tokio::test]
async fn a_time_may_be_written_as_the_clocks_there_show_it() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let with = |at: &str, zone: Value| {
        let mut body = appointment(story.patient, story.provider, at);
        body["time_zone"] = zone;
        body
    };
    let booked = story.doctor.must("/v1/appointments", &with("2031-03-03T09:00", json!("America/New_York"))).await;
    let path = format!("/v1/appointments/{}", booked.id());
    let shown = story.doctor.get_after(&path, &booked).await;
    assert_eq!((&shown.body["scheduled_at"], &shown.body["time_zone"]), (&json!("2031-03-03T14:00:00Z"), &json!("America/New_York")));
    for (path, more) in [("/v1/appointments", with("2031-03-09T02:30", json!("America/New_York"))), (&format!("{path}/reschedule"), json!({}))] {
        let body = if more == json!({}) { json!({ "scheduled_at": "2031-03-09T02:30", "time_zone": "America/New_York" }) } else { more };
        let left_out = story.doctor.post(path, &body).await;
        left_out.is_problem(422, Some("scheduled_at"));
        assert_eq!(left_out.body["rule"], "no_such_local_time");
    }
    story.doctor.post("/v1/appointments", &with("2031-03-09T02:30", Value::Null)).await.is_problem(422, Some("time_zone"));
    story.doctor.post("/v1/appointments", &with("in the morning", Value::Null)).await.is_problem(422, Some("scheduled_at"));
    let twice = json!({ "scheduled_at": "2031-11-02T01:30", "time_zone": "America/New_York" });
    let moved = story.doctor.must(&format!("{path}/reschedule"), &twice).await;
    assert_eq!(story.doctor.get_after(&path, &moved).await.body["scheduled_at"], "2031-11-02T05:30:00Z", "the first of two");
}

#[tokio::test]
async fn free_slots_are_the_hours_without_what_is_booked() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let path = format!("/v1/providers/{}/free-slots", story.provider);
    let monday = "from=2031-03-03T00:00:00Z&to=2031-03-04T00:00:00Z";
    let zoe = world.sign_in_as_patient(story.patient).await;
    let nothing = zoe.get(&format!("{path}?{monday}")).await;
    assert_eq!(nothing.body, json!({ "items": [], "none_because": "HOURS_NOT_SET" }));
    let admin = set_hours(&world, story.provider, &mondays("America/New_York")).await;

    let starts = async |parameters: &str| zoe.get(&format!("{path}?{monday}&{parameters}")).await.items("starts_at");
    assert_eq!(starts("minutes=60").await, ["2031-03-03T14:00:00Z", "2031-03-03T15:00:00Z", "2031-03-03T16:00:00Z"]);
    let booked = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-03T14:30:00Z")).await;
    assert_eq!(starts("minutes=60").await, ["2031-03-03T15:00:00Z", "2031-03-03T16:00:00Z"]);
    assert_eq!(starts("").await.len(), 5);
    story.doctor.must(&format!("/v1/appointments/{}/reschedule", booked.id()), &json!({ "scheduled_at": "2031-03-03T16:30:00Z" })).await;
    assert_eq!(starts("minutes=60").await, ["2031-03-03T14:00:00Z", "2031-03-03T15:00:00Z"], "the new time is taken, the old one free");
    story.doctor.must(&format!("/v1/appointments/{}/cancel", booked.id()), &json!({ "reason": "snow", "cancelled_by": "PATIENT" })).await;
    assert_eq!(starts("minutes=60").await.len(), 3);

    let first = zoe.get(&format!("{path}?{monday}&limit=4")).await;
    assert_eq!((first.items("ends_at").len(), &first.body["next_from"]), (4, &json!("2031-03-03T16:00:00Z")));
    assert!(first.position() > 0);
    zoe.get(&format!("{path}?from=2031-03-03T00:00:00Z&to=2031-03-02T00:00:00Z")).await.is_problem(422, Some("to"));
    zoe.get(&format!("{path}?from=2031-03-03T00:00:00Z&to=2032-03-02T00:00:00Z")).await.is_problem(422, Some("to"));
    zoe.get(&format!("{path}?minutes=4")).await.is_problem(422, Some("minutes"));
    zoe.get(&format!("/v1/providers/{}/free-slots", Uuid::now_v7())).await.is_problem(404, None);
    assert_eq!(zoe.get(&format!("{path}?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z")).await.items("starts_at"), Vec::<Value>::new());
    admin.must(&format!("/v1/providers/{}/suspend", story.provider), &json!({ "reason": "an investigation" })).await;
    assert_eq!(zoe.get(&format!("{path}?{monday}")).await.body["none_because"], "SUSPENDED");
}

#[tokio::test]
async fn a_patient_is_told_once_and_an_appointment_put_right() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let booked = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-03T09:00:00Z")).await;
    let path = format!("/v1/appointments/{}", booked.id());
    for events in [json!(["AppointmentReminderSent"]), json!([])] {
        assert_eq!(story.doctor.must(&format!("{path}/record-reminder"), &json!({ "reminder": "DAY_BEFORE" })).await.body["events"], events);
    }
    let details = json!({ "appointment_type": "LAB", "facility_id": story.facility, "reason": "blood" });
    let changed = story.doctor.must(&format!("{path}/change-details"), &details).await;
    let shown = story.doctor.get_after(&path, &changed).await.body;
    assert_eq!((&shown["reminders"], &shown["appointment_type"], &shown["reason"]), (&json!(["DAY_BEFORE"]), &json!("LAB"), &json!("blood")));
    assert_eq!(shown["scheduled_at"], "2031-03-03T09:00:00Z");
    let nowhere = json!({ "appointment_type": "LAB", "facility_id": Uuid::now_v7() });
    story.doctor.post(&format!("{path}/change-details"), &nowhere).await.is_problem(422, Some("facility_id"));
    let zoe = world.sign_in_as_patient(story.patient).await;
    zoe.post(&format!("{path}/record-reminder"), &json!({ "reminder": "CONFIRMATION" })).await.is_problem(403, None);
    zoe.post(&format!("{path}/change-details"), &details).await.is_problem(403, None);
    zoe.post(&format!("{path}/correct-visit"), &json!({})).await.is_problem(403, None);
}

#[tokio::test]
async fn a_visit_is_put_right_and_its_history_kept() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let visit = |patient: Uuid, status: &str| json!({ "patient_id": patient, "status": status, "started_at": "2024-03-01T09:00:00Z" });
    let recorded = story.doctor.must("/v1/appointments/visits", &visit(story.patient, "IN_PROGRESS")).await;
    let path = format!("/v1/appointments/{}", recorded.id());
    let correct = format!("{path}/correct-visit");
    let corrected = story.doctor.must(&correct, &json!({ "visit": visit(story.patient, "FINISHED"), "reason": "it had ended" })).await;
    assert_eq!(story.doctor.get_after(&path, &corrected).await.body["visit_status"], "FINISHED");
    let before = story.doctor.get(&format!("{path}?as_of={}", recorded.position())).await;
    assert_eq!(before.body["visit_status"], "IN_PROGRESS");
    let others = story.doctor.post(&correct, &json!({ "visit": visit(Uuid::now_v7(), "FINISHED") })).await;
    others.is_problem(422, Some("patient_id"));
    assert_eq!(others.body["rule"], "other_patient");
    story
        .doctor
        .post(&format!("/v1/appointments/{}/correct-visit", Uuid::now_v7()), &json!({ "visit": visit(story.patient, "FINISHED") }))
        .await
        .is_problem(404, None);
}

#[tokio::test]
async fn nobody_is_booked_where_it_is_closed_until_it_opens_again() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let mut body = appointment(story.patient, story.provider, "2031-03-03T09:00:00Z");
    body["facility_id"] = json!(story.facility);
    let facility = format!("/v1/facilities/{}", story.facility);
    admin.must(&format!("{facility}/close"), &json!({ "reason": "a flood" })).await;
    is_refused(&story.doctor.post("/v1/appointments", &body).await, "facility_closed", "facility_id");
    story.doctor.post(&format!("{facility}/reopen"), &json!({})).await.is_problem(403, None);
    let reopened = admin.must(&format!("{facility}/reopen"), &json!({})).await;
    assert_eq!(admin.get_after(&facility, &reopened).await.body["status"], "OPEN");
    assert_eq!(story.doctor.post("/v1/appointments", &body).await.status, 201);
}

#[tokio::test]
async fn a_closed_organization_takes_nobody_new() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let organization = format!("/v1/organizations/{}", world.organization);
    let booked = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-03T09:00:00Z")).await;
    story.doctor.post(&format!("{organization}/close"), &json!({ "reason": "moved" })).await.is_problem(403, None);
    admin.post(&format!("/v1/organizations/{}/close", Uuid::now_v7()), &json!({ "reason": "moved" })).await.is_problem(404, None);
    let closed = admin.must(&format!("{organization}/close"), &json!({ "reason": "moved" })).await;
    assert_eq!(admin.get_after(&organization, &closed).await.body["status"], "CLOSED");
    let book = story.doctor.post("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-04T09:00:00Z")).await;
    is_refused(&book, "organization_closed", "closed");
    is_refused(
        &admin.post("/v1/providers", &json!({ "provider_number": "D-2", "name": { "family": "Wilson" } })).await,
        "organization_closed",
        "closed",
    );
    is_refused(&admin.post("/v1/facilities", &json!({ "name": "St. Ann's", "kind": "HOSPITAL" })).await, "organization_closed", "closed");
    is_refused(&admin.post(&format!("{organization}/rename"), &json!({ "name": "Second" })).await, "closed", "closed");
    story.doctor.must(&format!("/v1/appointments/{}/confirm", booked.id()), &json!({})).await;
}

#[tokio::test]
async fn who_has_been_seen_rates_the_provider() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let booked = story.doctor.must("/v1/appointments", &appointment(story.patient, story.provider, "2031-03-03T09:00:00Z")).await;
    let (path, rate) = (format!("/v1/appointments/{}", booked.id()), format!("/v1/providers/{}/rate", story.provider));
    let rating = |stars: u8, appointment: Uuid| json!({ "stars": stars, "appointment_id": appointment });
    let cuddy = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let (zoe, lisa) = (world.sign_in_as_patient(story.patient).await, world.sign_in_as_patient(cuddy.id()).await);
    zoe.post(&rate, &rating(5, booked.id())).await.is_problem(422, Some("appointment_id"));
    for command in ["check-in", "start", "complete"] {
        story.doctor.must(&format!("{path}/{command}"), &json!({})).await;
    }
    lisa.post(&rate, &rating(1, booked.id())).await.is_problem(422, Some("appointment_id"));
    zoe.post(&rate, &rating(5, Uuid::now_v7())).await.is_problem(422, Some("appointment_id"));
    zoe.post(&rate, &json!({ "stars": 5 })).await.is_problem(422, Some("body"));
    let rated = zoe.must(&rate, &rating(4, booked.id())).await;
    let shown = zoe.get_after(&format!("/v1/providers/{}", story.provider), &rated).await.body;
    assert_eq!((&shown["rating"], &shown["total_reviews"]), (&json!(4.0), &json!(1)));
}
