use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, Client, World, patient};

/// A privacy officer, and a patient whom a doctor registered.
async fn clinic(world: &World) -> (Client, Answer) {
    let doctor = world.sign_in(Role::Provider).await;
    let patient = doctor.must("/v1/patients", &patient("P-1", "Glover", "Zoe")).await;
    (world.sign_in(Role::PrivacyOfficer).await, patient)
}

fn finding(patient: Uuid) -> Value {
    json!({ "finding_type": "UNUSUAL_ACCESS", "severity": "WARNING", "title": "Read at night", "patient_ids": [patient],
        "discovered_at": "2026-01-30T08:00:00Z" })
}

async fn known_after(officer: &Client, path: &str, last: &Answer) -> Answer {
    let answer = officer.get_after(path, last).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer
}

#[tokio::test]
async fn a_finding_is_dealt_with_from_its_discovery_to_its_end() {
    let world = World::new().await;
    let (officer, zoe) = clinic(&world).await;
    let raised = officer.must("/v1/compliance/findings", &finding(zoe.id())).await;
    let path = format!("/v1/compliance/findings/{}", raised.id());
    officer.must(&format!("{path}/note"), &json!({ "note": "it was an emergency" })).await;
    let resolved = officer.must(&format!("{path}/resolve"), &json!({ "outcome": "UNFOUNDED", "measures": "none needed" })).await;

    let shown = known_after(&officer, &path, &resolved).await;
    assert_eq!((&shown.body["status"], &shown.body["outcome"]), (&json!("RESOLVED"), &json!("UNFOUNDED")));
    assert_eq!(shown.body["notes"][0]["note"], "it was an emergency");
    assert_eq!(shown.body["resolved_by"], json!(officer.account_id));
    officer.post(&format!("{path}/note"), &json!({ "note": "more" })).await.is_problem(409, None);
    let reopened = officer.must(&format!("{path}/reopen"), &json!({ "reason": "there were two" })).await;
    let open = known_after(&officer, "/v1/compliance/findings?status=OPEN", &reopened).await;
    assert_eq!(open.items("finding_id"), [json!(raised.id())]);
    assert_eq!(known_after(&officer, "/v1/compliance/findings?status=RESOLVED", &reopened).await.items("finding_id"), Vec::<Value>::new());

    let acts = known_after(&officer, "/v1/audit/compliance-logs", &reopened).await;
    assert!(acts.items("event_type").contains(&json!("FindingRaised")), "{}", acts.body);
}

#[tokio::test]
async fn a_legal_hold_is_found_by_whom_it_covers() {
    let world = World::new().await;
    let (officer, zoe) = clinic(&world).await;
    let hold = json!({ "matter": "30-cv-117", "reason": "discovery", "patient_ids": [zoe.id()] });
    let placed = officer.must("/v1/compliance/legal-holds", &hold).await;
    let doctor = world.sign_in(Role::Provider).await;
    let lisa = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let path = format!("/v1/compliance/legal-holds/{}", placed.id());
    let widened = officer.must(&format!("{path}/widen"), &json!({ "patient_ids": [lisa.id(), zoe.id()] })).await;
    let of_lisa = format!("/v1/compliance/legal-holds?status=ACTIVE&patient={}", lisa.id());
    assert_eq!(known_after(&officer, &of_lisa, &widened).await.items("matter"), [json!("30-cv-117")]);
    let released = officer.must(&format!("{path}/release"), &json!({ "reason": "settled" })).await;
    assert_eq!(known_after(&officer, &of_lisa, &released).await.items("matter"), Vec::<Value>::new());
    officer.post(&format!("{path}/widen"), &json!({ "patient_ids": [lisa.id()] })).await.is_problem(409, None);

    let stranger = json!({ "matter": "x", "reason": "y", "patient_ids": [Uuid::now_v7()] });
    officer.post("/v1/compliance/legal-holds", &stranger).await.is_problem(422, Some("patient_ids"));
    let nobody = json!({ "matter": "x", "reason": "y", "patient_ids": [] });
    officer.post("/v1/compliance/legal-holds", &nobody).await.is_problem(422, Some("patient_ids"));
}

#[tokio::test]
async fn an_office_has_one_holder_at_a_time() {
    let world = World::new().await;
    let (officer, _) = clinic(&world).await;
    let (one, other) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Admin).await);
    let office = |of: &Client| json!({ "office": "SECURITY_OFFICER", "account_id": of.account_id });
    let designated = officer.must("/v1/compliance/officers", &office(&one)).await;
    officer.post("/v1/compliance/officers", &office(&other)).await.is_problem(409, None);
    let path = format!("/v1/compliance/officers/{}", designated.id());
    officer.must(&format!("{path}/relieve"), &json!({})).await;
    let next = officer.must("/v1/compliance/officers", &office(&other)).await;
    let now = known_after(&officer, "/v1/compliance/officers?status=ACTIVE&office=SECURITY_OFFICER", &next).await;
    assert_eq!(now.items("account_id"), [json!(other.account_id)]);
    assert_eq!(known_after(&officer, "/v1/compliance/officers", &next).await.items("status"), [json!("ACTIVE"), json!("ENDED")]);

    // another organization has its own
    let second = world.found("Second House").await;
    let theirs = world.sign_in_to(second, Role::PrivacyOfficer, None).await;
    theirs.must("/v1/compliance/officers", &json!({ "office": "SECURITY_OFFICER", "account_id": theirs.account_id })).await;
    theirs.post("/v1/compliance/officers", &office(&one)).await.is_problem(422, Some("account_id"));
    theirs.get(&path).await.is_problem(404, None);
}

#[tokio::test]
async fn trainings_are_listed_by_who_had_them_until_they_were_wrong() {
    let world = World::new().await;
    let (officer, _) = clinic(&world).await;
    let nurse = world.sign_in(Role::Staff).await;
    let training = json!({ "account_id": nurse.account_id, "topic": "PRIVACY", "course": "HIPAA 101", "completed_on": "2026-01-30",
        "valid_until": "2027-01-30" });
    let recorded = officer.must("/v1/compliance/trainings", &training).await;
    let list = format!("/v1/compliance/trainings?account={}&status=ACTIVE", nurse.account_id);
    assert_eq!(known_after(&officer, &list, &recorded).await.items("valid_until"), [json!("2027-01-30")]);
    let path = format!("/v1/compliance/trainings/{}", recorded.id());
    let marked = officer.must(&format!("{path}/mark-in-error"), &json!({ "reason": "it was another" })).await;
    assert_eq!(known_after(&officer, &list, &marked).await.items("course"), Vec::<Value>::new());
    let mut early = training.clone();
    early["valid_until"] = json!("2026-01-29");
    officer.post("/v1/compliance/trainings", &early).await.is_problem(422, Some("valid_until"));
}

#[tokio::test]
async fn who_oversees_reads_compliance_matters_and_only_the_privacy_officer_writes_them() {
    let world = World::new().await;
    let (officer, zoe) = clinic(&world).await;
    let raised = officer.must("/v1/compliance/findings", &finding(zoe.id())).await;
    let path = format!("/v1/compliance/findings/{}", raised.id());
    let auditor = world.sign_in(Role::Auditor).await;
    let before = world.count("journal.events where event_type = 'DataAccessed'").await;
    known_after(&auditor, &path, &raised).await;
    assert_eq!(world.count("journal.events where event_type = 'DataAccessed'").await, before + 1);
    auditor.post("/v1/compliance/findings", &finding(zoe.id())).await.is_problem(403, None);
    for role in [Role::Admin, Role::Staff, Role::Provider, Role::Analyst] {
        world.sign_in(role).await.get(&path).await.is_problem(403, None);
    }
}
