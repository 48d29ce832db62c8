//! What becomes of two patients who are one?

use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, appointment};
use crate::world::{Answer, Client, World, patient};

/// Somebody at the desk, and two whom they registered.
async fn desk(world: &World) -> (Client, Answer, Answer) {
    let desk = world.sign_in(Role::Staff).await;
    let survivor = desk.must("/v1/patients", &patient("P-1", "Glover", "Zoe")).await;
    let duplicate = desk.must("/v1/patients", &patient("P-2", "Glover", "Zoë")).await;
    (desk, survivor, duplicate)
}

fn path(of: Uuid, step: &str) -> String {
    format!("/v1/patients/{of}{step}")
}

fn into(survivor: Uuid) -> Value {
    json!({ "survivor_id": survivor, "reason": "registered twice" })
}

#[tokio::test]
async fn a_duplicate_is_merged_and_the_merge_undone() {
    let world = World::new().await;
    let (desk, survivor, duplicate) = desk(&world).await;
    let (survivor, duplicate) = (survivor.id(), duplicate.id());
    let merged = desk.must(&path(duplicate, "/merge"), &into(survivor)).await;
    assert_eq!(merged.body["events"], json!(["PatientMerged", "PatientDuplicateAbsorbed"]));
    assert_eq!((merged.id(), &merged.body["sequence"]), (duplicate, &json!(2)));

    let shown = desk.get_after(&path(duplicate, ""), &merged).await;
    assert_eq!((&shown.body["status"], &shown.body["merged_into"]), (&json!("MERGED"), &json!(survivor)));
    assert_eq!(shown.body["merge_reason"], "registered twice");
    assert_eq!(desk.get(&path(survivor, "")).await.body["duplicates"], json!([duplicate]));
    assert_eq!(desk.get("/v1/patients?name=glover").await.items("patient_id"), [json!(survivor)]);
    assert_eq!(desk.get("/v1/patients?name=glover&status=MERGED").await.items("patient_id"), [json!(duplicate)]);
    desk.post(&path(duplicate, "/deactivate"), &json!({})).await.is_problem(409, None);
    // the number stays whose it was
    desk.post("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.is_problem(409, None);
    let before = desk.get(&format!("{}?as_of={}", path(duplicate, ""), merged.position() - 2)).await;
    assert_eq!((&before.body["status"], &before.body["merged_into"]), (&json!("ACTIVE"), &Value::Null));

    let again = desk.must(&path(duplicate, "/merge"), &into(survivor)).await;
    assert_eq!(again.body["events"], json!([]));
    let undone = desk.must(&path(duplicate, "/undo-merge"), &json!({ "survivor_id": survivor, "reason": "twins" })).await;
    assert_eq!(undone.body["events"], json!(["PatientMergeUndone", "PatientDuplicateReleased"]));
    let shown = desk.get_after(&path(duplicate, ""), &undone).await;
    assert_eq!((&shown.body["status"], &shown.body["merged_into"]), (&json!("ACTIVE"), &Value::Null));
    assert_eq!(desk.get(&path(survivor, "")).await.body["duplicates"], json!([]));
    assert_eq!(desk.get("/v1/patients?name=glover").await.items("patient_id").len(), 2);
}

#[tokio::test]
async fn the_same_request_has_the_same_answer_and_one_effect() {
    let world = World::new().await;
    let (desk, survivor, duplicate) = desk(&world).await;
    let key = [("idempotency-key", "0198c0de-7a3b-7c11-9f2e-6d0c5b1a4e77")];
    let ask = async || desk.post_with(&path(duplicate.id(), "/merge"), &into(survivor.id()), &key).await;
    let (first, second) = (ask().await, ask().await);
    assert_eq!((first.status, first.body["events"].clone()), (second.status, second.body["events"].clone()));
    assert_eq!(first.body["events"], json!(["PatientMerged", "PatientDuplicateAbsorbed"]));
    assert_eq!(world.count("journal.events where event_type = 'PatientMerged'").await, 1);
}

#[tokio::test]
async fn what_cannot_be_merged_stays_as_it_is_on_both_sides() {
    let world = World::new().await;
    let (desk, survivor, duplicate) = desk(&world).await;
    let third = desk.must("/v1/patients", &patient("P-3", "Glover", "Z.")).await;
    desk.post(&path(duplicate.id(), "/merge"), &into(duplicate.id())).await.is_problem(422, Some("survivor_id"));
    desk.post(&path(duplicate.id(), "/merge"), &into(Uuid::now_v7())).await.is_problem(422, Some("survivor_id"));
    desk.post(&path(Uuid::now_v7(), "/merge"), &into(survivor.id())).await.is_problem(404, None);
    desk.post(&path(duplicate.id(), "/merge"), &json!({ "survivor_id": survivor.id() })).await.is_problem(422, Some("body"));
    let stale = desk.post_with(&path(duplicate.id(), "/merge"), &into(survivor.id()), &[("if-match", "\"7\"")]).await;
    stale.is_problem(412, None);
    desk.must(&path(survivor.id(), "/deactivate"), &json!({})).await;
    desk.post(&path(duplicate.id(), "/merge"), &into(survivor.id())).await.is_problem(409, None);
    desk.must(&path(survivor.id(), "/reactivate"), &json!({})).await;
    assert_eq!(world.count("journal.events where event_type in ('PatientMerged', 'PatientDuplicateAbsorbed')").await, 0);

    desk.must(&path(duplicate.id(), "/merge"), &into(survivor.id())).await;
    desk.post(&path(survivor.id(), "/merge"), &into(third.id())).await.is_problem(409, None);
    desk.post(&path(third.id(), "/merge"), &into(duplicate.id())).await.is_problem(409, None);
    desk.post(&path(duplicate.id(), "/undo-merge"), &into(third.id())).await.is_problem(422, Some("survivor_id"));
    world.sign_in_as_patient(duplicate.id()).await.post(&path(duplicate.id(), "/undo-merge"), &into(survivor.id())).await.is_problem(403, None);
    assert_eq!(world.count("journal.events where event_type in ('PatientMerged', 'PatientDuplicateAbsorbed')").await, 2);
}

#[tokio::test]
async fn of_two_merges_that_cross_one_succeeds() {
    let world = World::new().await;
    let (desk, one, other) = desk(&world).await;
    for n in 0..5 {
        let merge = async |duplicate: Uuid, survivor: Uuid| desk.post(&path(duplicate, "/merge"), &into(survivor)).await;
        let (there, back) = tokio::join!(merge(one.id(), other.id()), merge(other.id(), one.id()));
        let mut statuses = [there.status.as_u16(), back.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {n}: {} {}", there.body, back.body);
        let (duplicate, survivor) = if there.status == 200 { (&one, &other) } else { (&other, &one) };
        desk.must(&path(duplicate.id(), "/undo-merge"), &into(survivor.id())).await;
    }
}

#[tokio::test]
async fn nothing_more_is_arranged_for_who_was_merged_and_what_was_is_kept() {
    let world = World::new().await;
    let (story, desk) = (Story::begin(&world).await, world.sign_in(Role::Staff).await);
    let survivor = desk.must("/v1/patients", &patient("P-2", "Glover", "Zoë")).await;
    let visit = |at: &str| appointment(story.patient, story.provider, at);
    let booked = desk.must("/v1/appointments", &visit("2031-03-03T09:00:00Z")).await;
    desk.must(&path(story.patient, "/merge"), &into(survivor.id())).await;
    desk.post("/v1/appointments", &visit("2031-03-04T09:00:00Z")).await.is_problem(409, None);
    desk.must(&format!("/v1/appointments/{}/cancel", booked.id()), &json!({ "cancelled_by": "FACILITY", "reason": "booked for the other one" }))
        .await;
}
