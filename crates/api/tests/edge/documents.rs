//! What becomes of the files about a patient?

use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{SHA256, Story, document, record};
use crate::world::{Answer, World, patient, query};

fn is_refused(answer: &Answer, status: u16, rule: &str) {
    answer.is_problem(status, None);
    assert_eq!(answer.body["rule"], rule, "{}", answer.body);
}

/// A request that makes no sense at any time, because of a field.
fn makes_no_sense(answer: &Answer, field: &str, rule: &str) {
    answer.is_problem(422, Some(field));
    assert_eq!(answer.body["rule"], rule, "{}", answer.body);
}

fn other_sha256() -> String {
    "ab".repeat(32)
}

impl Story {
    async fn registers(&self, of: Uuid, kind: &str) -> Uuid {
        self.doctor.must("/v1/documents", &document(of, kind)).await.id()
    }

    async fn asks(&self, id: Uuid, command: &str, body: &Value) -> Answer {
        self.doctor.post(&format!("/v1/documents/{id}/{command}"), body).await
    }

    async fn attaches(&self, record: Uuid, document: Uuid) -> Answer {
        self.doctor.post(&format!("/v1/records/{record}/attach-document"), &json!({ "document_id": document })).await
    }
}

#[tokio::test]
async fn a_document_is_registered_verified_and_read() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let id = story.registers(story.patient, "LAB_RESULT").await;
    is_refused(&story.asks(id, "start-processing", &json!({})).await, 409, "not_verified");
    let verified = story.asks(id, "verify-checksum", &json!({ "sha256": SHA256 })).await;
    assert_eq!(verified.body["events"], json!(["DocumentChecksumVerified"]));
    assert_eq!(verified.header("anamnesis-token"), format!("document/{id}@2"));
    assert_eq!(story.asks(id, "verify-checksum", &json!({ "sha256": SHA256 })).await.body["events"], json!([]));
    story.doctor.must(&format!("/v1/documents/{id}/start-processing"), &json!({})).await;
    let failed = story.doctor.must(&format!("/v1/documents/{id}/fail-processing"), &json!({ "processing_error": "upside down" })).await;
    let shown = story.doctor.get_after(&format!("/v1/documents/{id}"), &failed).await;
    assert_eq!((&shown.body["status"], &shown.body["processing_error"]), (&json!("FAILED"), &json!("upside down")));
    story.doctor.must(&format!("/v1/documents/{id}/start-processing"), &json!({})).await;
    let read = story.doctor.must(&format!("/v1/documents/{id}/complete-processing"), &json!({ "extracted_text": "HbA1c 5.6 %" })).await;

    let shown = story.doctor.get_after(&format!("/v1/documents/{id}"), &read).await.body;
    for (field, value) in [
        ("document_id", json!(id)),
        ("patient_id", json!(story.patient)),
        ("kind", json!("LAB_RESULT")),
        ("status", json!("COMPLETED")),
        ("checksum_status", json!("VERIFIED")),
        ("file_name", json!("Zoë.pdf")),
        ("media_type", json!("application/pdf")),
        ("size_bytes", json!(48_213)),
        ("sha256", json!(SHA256)),
        ("registered_by", json!(story.doctor.account_id)),
        ("verified_by", json!(story.doctor.account_id)),
        ("extracted_text", json!("HbA1c 5.6 %")),
        ("processing_error", Value::Null),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let path = shown["storage_path"].as_str().unwrap();
    let object = path.strip_prefix(&format!("patients/{}/reports/lab-results/", story.patient)).unwrap();
    assert_eq!(Uuid::parse_str(object).unwrap().get_version_num(), 4, "random, not of a time");
}

#[tokio::test]
async fn what_is_said_of_a_file_makes_sense_or_nothing_is_written() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let before = world.count("journal.events where aggregate_type = 'document'").await;
    for (field, wrong) in [
        ("patient_id", json!(Uuid::now_v7())),
        ("kind", json!("SELFIE")),
        ("file_name", json!("../../etc/passwd")),
        ("media_type", json!("PDF")),
        ("size_bytes", json!(0)),
        ("sha256", json!("abc")),
    ] {
        let mut body = document(story.patient, "INSURANCE");
        body[field] = wrong;
        story.doctor.post("/v1/documents", &body).await.is_problem(422, Some(field));
    }
    assert_eq!(world.count("journal.events where aggregate_type = 'document'").await, before);
}

#[tokio::test]
async fn a_file_that_is_not_what_was_declared_is_never_taken_for_it() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (id, wrote) = (
        story.registers(story.patient, "MEDICAL_IMAGE").await,
        story.doctor.must("/v1/records", &record(story.patient, "IMAGING", "2024-05-01T08:00:00Z", "X-ray")).await.id(),
    );
    let found = story.asks(id, "verify-checksum", &json!({ "sha256": other_sha256() })).await;
    assert_eq!(found.body["events"], json!(["DocumentChecksumMismatched"]));
    is_refused(&story.asks(id, "verify-checksum", &json!({ "sha256": SHA256 })).await, 409, "checksum_mismatched");
    is_refused(&story.asks(id, "start-processing", &json!({})).await, 409, "checksum_mismatched");
    is_refused(&story.attaches(wrote, id).await, 409, "document_mismatched");
    let shown = story.doctor.get_after(&format!("/v1/documents/{id}"), &found).await.body;
    assert_eq!((&shown["checksum_status"], &shown["mismatched_sha256"]), (&json!("MISMATCHED"), &json!(other_sha256())));
    let officer = world.sign_in(Role::PrivacyOfficer).await;
    let findings = officer.get_after("/v1/audit/compliance-logs", &found).await;
    assert!(findings.items("event_type").contains(&json!("DocumentChecksumMismatched")), "{}", findings.body);
}

#[tokio::test]
async fn a_newer_document_takes_the_place_of_an_older_one_of_the_same_patient() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let (first, second, theirs) = (
        story.registers(story.patient, "INSURANCE").await,
        story.registers(story.patient, "INSURANCE").await,
        story.registers(other, "INSURANCE").await,
    );
    let by = |id: Uuid| json!({ "superseded_by": id, "reason": "renewed" });
    makes_no_sense(&story.asks(first, "supersede", &by(theirs)).await, "superseded_by", "other_patient");
    makes_no_sense(&story.asks(first, "supersede", &by(first)).await, "superseded_by", "own_successor");
    makes_no_sense(&story.asks(first, "supersede", &by(Uuid::now_v7())).await, "superseded_by", "unknown_successor");
    let superseded = story.asks(first, "supersede", &by(second)).await;
    assert_eq!(superseded.body["events"], json!(["DocumentSuperseded"]), "{}", superseded.body);
    is_refused(&story.asks(second, "supersede", &by(first)).await, 409, "successor_out_of_use");
    let shown = story.doctor.get_after(&format!("/v1/documents/{first}"), &superseded).await.body;
    assert_eq!((&shown["status"], &shown["superseded_by"]), (&json!("ARCHIVED"), &json!(second)));
    let then = story.doctor.get(&format!("/v1/documents/{first}?as_of={}", superseded.position() - 1)).await.body;
    assert_eq!((&then["status"], &then["superseded_by"]), (&json!("PENDING"), &Value::Null));
}

#[tokio::test]
async fn what_is_removed_stays_to_be_seen_and_its_source_may_bring_it_again() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let mut body = document(story.patient, "CONSENT_FORM");
    body["source"] = json!({ "system": "scanner", "external_id": "17" });
    let first = story.doctor.must("/v1/documents", &body).await.id();
    story.doctor.post("/v1/documents", &body).await.is_problem(409, None);
    story.asks(first, "remove", &json!({ "reason": " " })).await.is_problem(422, Some("reason"));
    let removed = story.asks(first, "remove", &json!({ "reason": "of another patient" })).await;
    assert_eq!(removed.body["events"], json!(["DocumentRemoved"]));
    is_refused(&story.asks(first, "verify-checksum", &json!({ "sha256": SHA256 })).await, 409, "removed");
    let again = story.doctor.must("/v1/documents", &body).await;

    let path = format!("/v1/documents?patient={}", story.patient);
    let listed = story.doctor.get_after(&path, &again).await;
    assert_eq!(listed.items("is_removed"), [json!(true), json!(false)]);
    assert_eq!(listed.items("removal_reason"), [json!("of another patient"), Value::Null]);
    assert_eq!(story.doctor.get(&format!("{path}&removed=false")).await.items("document_id"), [json!(again.id())]);
    let timeline = story.doctor.get(&format!("/v1/patients/{}/history?aggregate=document", story.patient)).await;
    assert_eq!(timeline.items("event_type"), [json!("DocumentRegistered"), json!("DocumentRemoved"), json!("DocumentRegistered")]);
}

#[tokio::test]
async fn documents_are_found_by_patient_kind_status_and_time() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let mut registered = Vec::new();
    for (of, kind) in [(story.patient, "INSURANCE"), (other, "LAB_RESULT"), (story.patient, "LAB_RESULT")] {
        registered.push(story.registers(of, kind).await);
    }
    let [card, theirs, result] = [0, 1, 2].map(|i| json!(registered[i]));
    for command in ["verify-checksum", "start-processing"] {
        let body = if command == "verify-checksum" { json!({ "sha256": SHA256 }) } else { json!({}) };
        let answer = story.doctor.must(&format!("/v1/documents/{}/{command}", registered[2]), &body).await;
        story.doctor.get_after("/v1/documents", &answer).await;
    }
    let second = story.doctor.get(&format!("/v1/documents/{}", registered[1])).await.body["registered_at"].as_str().unwrap().to_owned();
    let id = story.patient.to_string();
    for (parameters, found) in [
        (&[][..], vec![&card, &theirs, &result]),
        (&[("patient", id.as_str())], vec![&card, &result]),
        (&[("kind", "LAB_RESULT")], vec![&theirs, &result]),
        (&[("kind", "LAB_RESULT"), ("patient", &id)], vec![&result]),
        (&[("status", "PENDING")], vec![&card, &theirs]),
        (&[("status", "PROCESSING")], vec![&result]),
        (&[("checksum", "VERIFIED")], vec![&result]),
        (&[("from", &second)], vec![&theirs, &result]),
        (&[("to", &second)], vec![&card]),
        (&[("removed", "true")], vec![]),
    ] {
        let listed = story.doctor.get(&format!("/v1/documents{}", query(parameters))).await;
        assert_eq!(listed.items("document_id").iter().collect::<Vec<_>>(), found, "{parameters:?}");
    }
    let page = story.doctor.get("/v1/documents?limit=2").await;
    let next = page.body["next"].as_str().unwrap();
    assert_eq!(story.doctor.get(&format!("/v1/documents?limit=2&{}", &query(&[("cursor", next)])[1..])).await.items("document_id"), [result]);
    story.doctor.get("/v1/documents?kind=SELFIE").await.is_problem(422, Some("kind"));
}

#[tokio::test]
async fn documents_of_the_same_patient_are_attached_to_a_record_and_detached() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let wrote = story.doctor.must("/v1/records", &record(story.patient, "IMAGING", "2024-05-01T08:00:00Z", "X-ray")).await.id();
    let image = story.registers(story.patient, "MEDICAL_IMAGE").await;
    let (report, theirs) = (story.registers(story.patient, "DIAGNOSTIC_REPORT").await, story.registers(other, "MEDICAL_IMAGE").await);

    let attached = story.attaches(wrote, image).await;
    assert_eq!(attached.body["events"], json!(["DocumentAttached"]), "{}", attached.body);
    assert_eq!(story.attaches(wrote, image).await.body["events"], json!([]), "it is attached already");
    makes_no_sense(&story.attaches(wrote, theirs).await, "document_id", "document_of_other_patient");
    makes_no_sense(&story.attaches(wrote, Uuid::now_v7()).await, "document_id", "unknown_document");
    story.doctor.must(&format!("/v1/documents/{report}/remove"), &json!({ "reason": "wrong" })).await;
    is_refused(&story.attaches(wrote, report).await, 409, "document_removed");

    let amended = record(story.patient, "IMAGING", "2024-05-01T08:00:00Z", "X-ray of the hand")["record"].take();
    story.doctor.must(&format!("/v1/records/{wrote}/amend"), &json!({ "record": amended, "reason": "typo" })).await;
    let path = format!("/v1/records/{wrote}");
    let held = format!("/v1/records?document={image}");
    assert_eq!(story.doctor.get_after(&held, &attached).await.items("record_id"), [json!(wrote)], "an amended record holds what it held");
    let body = json!({ "document_id": image, "reason": "of the other hand" });
    let detached = story.doctor.must(&format!("{path}/detach-document"), &body).await;
    assert_eq!(story.doctor.get_after(&held, &detached).await.items("record_id"), Vec::<Value>::new());
    let before = format!("{held}&patient={}&as_of={}", story.patient, detached.position() - 1);
    assert_eq!(story.doctor.get(&before).await.items("record_id"), [json!(wrote)]);
    story.doctor.get("/v1/records?document=7").await.is_problem(422, Some("document"));
    assert_eq!(detached.body["events"], json!(["DocumentDetached"]));
    assert_eq!(story.doctor.get_after(&path, &detached).await.body["attachments"], json!([]));
    let then = story.doctor.get(&format!("{path}?as_of={}", detached.position() - 1)).await.body;
    assert_eq!((&then["attachments"], &then["version"]), (&json!([image]), &json!(2)));
    let versions = story.doctor.get(&format!("{path}/versions")).await;
    assert_eq!(versions.items("attachments"), [json!([image]), json!([])], "each version as it was last");
    let timeline = story.doctor.get(&format!("/v1/patients/{}/history?aggregate=record", story.patient)).await;
    let told = ["RecordCreated", "DocumentAttached", "RecordAmended", "DocumentDetached"].map(|name| json!(name));
    assert_eq!(timeline.items("event_type"), told);
    assert_eq!(timeline.body["items"][3]["data"]["reason"], "of the other hand");
}

#[tokio::test]
async fn whoever_removes_a_document_and_whoever_attaches_it_at_the_same_time_see_each_other() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let wrote = story.doctor.must("/v1/records", &record(story.patient, "IMAGING", "2024-05-01T08:00:00Z", "X-ray")).await.id();
    for _ in 0..10 {
        let id = story.registers(story.patient, "MEDICAL_IMAGE").await;
        let wrong = json!({ "reason": "wrong" });
        let (attached, removed) = futures::join!(story.attaches(wrote, id), story.asks(id, "remove", &wrong));
        assert_eq!(removed.status, 200, "{}", removed.body);
        if attached.status == 200 {
            assert!(attached.position() < removed.position(), "it was attached while it was in use");
        } else {
            is_refused(&attached, 409, "document_removed");
        }
    }
}

#[tokio::test]
async fn a_patient_sees_their_own_documents_and_what_they_looked_at_is_recorded() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let registered = story.doctor.must("/v1/documents", &document(story.patient, "LAB_RESULT")).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let (zoe, lisa) = (world.sign_in_as_patient(story.patient).await, world.sign_in_as_patient(other.id()).await);
    let path = format!("/v1/documents/{}", registered.id());
    let before = world.count("journal.events where event_type = 'DataAccessed'").await;
    assert_eq!(zoe.get_after(&path, &other).await.body["file_name"], "Zoë.pdf");
    assert_eq!(world.count("journal.events where event_type = 'DataAccessed'").await, before + 1);
    lisa.get(&path).await.is_problem(404, None);
    zoe.post("/v1/documents", &document(story.patient, "LAB_RESULT")).await.is_problem(403, None);
    zoe.post(&format!("{path}/remove"), &json!({ "reason": "embarrassing" })).await.is_problem(403, None);
    let staff = world.sign_in(Role::Staff).await;
    staff.get(&path).await.is_problem(403, None);
    let second = world.found("Second House").await;
    world.sign_in_to(second, Role::Provider, None).await.get(&path).await.is_problem(404, None);
}
