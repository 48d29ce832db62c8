use anamnesis_domain::account::Role;
use anamnesis_journal::row::Row;
use anamnesis_journal::tree::{Hash, Head, proof};
use anamnesis_projector::history::{History, PatientRecord};
use serde_json::{Value, json};

use crate::story::Story;
use crate::world::{World, patient};

async fn whole(world: &World) -> Story {
    let mut story = Story::begin(world).await;
    for step in 0.. {
        if !story.go_on(step).await {
            return story;
        }
    }
    story
}

#[tokio::test]
async fn the_timeline_tells_every_event_of_a_patient_in_order() {
    let world = World::new().await;
    let story = whole(&world).await;
    let path = format!("/v1/patients/{}/history", story.patient);
    let (mut types, mut positions, mut page) = (Vec::new(), Vec::new(), story.doctor.get_after(&format!("{path}?limit=4"), &story.last).await);
    loop {
        types.extend(page.items("event_type"));
        positions.extend(page.items("position").iter().map(|position| position.as_u64().unwrap()));
        let Some(next) = page.body["next"].as_u64() else { break };
        page = story.doctor.get(&format!("{path}?limit=4&after={next}")).await;
    }
    let expected = [
        "PatientRegistered",
        "ConditionRecorded",
        "AllergyRecorded",
        "MedicationRecorded",
        "PatientContactChanged",
        "AppointmentScheduled",
        "AppointmentConfirmed",
        "AppointmentScheduled",
        "RecordCreated",
        "RecordCreated",
        "RecordArchived",
        "InsightGenerated",
        "InsightReviewed",
        "ConsentGranted",
        "ConsentRevoked",
        "RecordCreated",
        "RecordSummarized",
        "RecordArchived",
        "RecordRestored",
        "DocumentRegistered",
        "DocumentChecksumVerified",
        "DocumentAttached",
        "DocumentRegistered",
        "DocumentRemoved",
        "PredictionLogged",
        "PredictionOutcomeRecorded",
        "PatientDeactivated",
    ];
    assert_eq!(types, expected.map(|name| json!(name)));
    assert!(positions.is_sorted());
    let first = story.doctor.get(&format!("{path}?limit=1")).await;
    assert_eq!(first.body["items"][0]["data"]["patient"]["name"]["family"], "Glover", "{}", first.body);
    assert_eq!(first.body["items"][0]["actor_id"], json!(story.doctor.account_id));
    assert_eq!(first.body["items"][0]["erased"], false);
    assert_eq!(story.doctor.get(&format!("{path}?aggregate=appointment")).await.items("event_type").len(), 3);
    assert_eq!(story.doctor.get(&format!("{path}?as_of={}", positions[3])).await.items("event_type").len(), 4);
    story.doctor.get(&format!("{path}?aggregate=access")).await.is_problem(422, Some("aggregate"));
}

/// An organization is the subject of its own acts; it must not be taken for a patient.
#[tokio::test]
async fn only_patients_have_a_history_here() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    for id in [world.organization, story.provider, story.facility, story.doctor.account_id] {
        for path in ["history", "history/diff?from=0", "proof"] {
            story.doctor.get(&format!("/v1/patients/{id}/{path}")).await.is_problem(404, None);
        }
        story.doctor.get(&format!("/v1/patients/{id}?as_of={}", story.last.position())).await.is_problem(404, None);
    }
    let second = world.found("Second House").await;
    let stranger = world.sign_in_to(second, Role::PrivacyOfficer, None).await;
    stranger.get(&format!("/v1/patients/{}/history", story.patient)).await.is_problem(404, None);
}

#[tokio::test]
async fn the_difference_between_two_moments_is_told_field_by_field() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    let before = story.last.position();
    story.on_patient("change-contact", &json!({ "phones": [{ "number": "+1 555 0100" }] })).await;
    story.on_patient("record-death", &json!({ "deceased_at": "2025-01-01T00:00:00Z" })).await;
    let path = format!("/v1/patients/{}/history/diff", story.patient);
    let told = story.doctor.get_after(&format!("{path}?from={before}"), &story.last).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let differences: Vec<_> = told.body["differences"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(differences, ["/patient/contact", "/patient/deceased_at"]);
    assert_eq!(told.body["differences"][0]["before"], Value::Null);
    assert_eq!(told.body["differences"][0]["after"]["phones"][0]["number"], "+1 555 0100");
    let none = story.doctor.get(&format!("{path}?from={before}&to={before}")).await;
    assert_eq!(none.body, json!({ "from": before, "to": before, "differences": [] }));
    story.doctor.get(&path).await.is_problem(422, Some("from"));
    story.doctor.get(&format!("{path}?from={}&to={before}", before + 1)).await.is_problem(422, Some("from"));
    story.doctor.get(&format!("{path}?from=1&to=99999999")).await.is_problem(422, Some("to"));
}

#[tokio::test]
async fn whoever_trusts_nobody_can_check_a_patients_events() {
    let world = World::new().await;
    let story = whole(&world).await;
    let path = format!("/v1/patients/{}/proof", story.patient);
    let told = story.doctor.get_after(&path, &story.last).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let hash = |value: &Value| value.as_str().unwrap().parse::<Hash>().unwrap();
    let head = Head { size: told.body["size"].as_u64().unwrap(), root: hash(&told.body["root"]) };
    let entries = told.body["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 27);
    for one in entries {
        let (position, entry) = (one["position"].as_u64().unwrap(), hex::decode(one["entry"].as_str().unwrap()).unwrap());
        assert_eq!(Hash::leaf(&entry), hash(&one["leaf"]));
        let hashes: Vec<_> = one["hashes"].as_array().unwrap().iter().map(hash).collect();
        assert!(proof::verify_inclusion(position - 1, Hash::leaf(&entry), head, &hashes).is_ok());
        let stored = world.app.log.read_after(position - 1, 1).await.unwrap().remove(0);
        let row: Row<'_> = stored.row();
        assert_eq!(hex::encode(row.to_bytes()), one["row"].as_str().unwrap());
        assert!(entry.ends_with(row.hash().as_bytes()), "the entry names the row's hash");
    }
    let checkpoint = told.body["checkpoint"].as_str().unwrap();
    assert!(checkpoint.starts_with(&format!("example.org/log\n{}\n", head.size)), "{checkpoint}");

    let one = story.doctor.get(&format!("{path}?position={}", story.last.position())).await;
    assert_eq!(one.body["entries"].as_array().unwrap().len(), 1);
    story.doctor.get(&format!("{path}?position=1")).await.is_problem(422, Some("position"));
    let page = story.doctor.get(&format!("{path}?limit=16")).await;
    let rest = story.doctor.get(&format!("{path}?limit=16&after={}", page.body["next"])).await;
    assert_eq!((rest.body["entries"].as_array().unwrap().len(), &rest.body["next"]), (11, &Value::Null));
}

#[tokio::test]
async fn a_folded_record_is_what_the_edge_answers() {
    let world = World::new().await;
    let story = whole(&world).await;
    let shown = story.doctor.get_after(&format!("/v1/patients/{}", story.patient), &story.last).await;
    let history = History::new(world.app.log.clone(), world.app.vault.clone(), world.organization);
    let record = PatientRecord::fold(&history.of_patient(story.patient, shown.position()).await.unwrap()).unwrap();
    let record = serde_json::to_value(&record).unwrap();
    assert_eq!(record["patient"], shown.body);
    for list in ["conditions", "allergies", "medications"] {
        assert_eq!(record[list], story.doctor.get(&format!("/v1/patients/{}/{list}", story.patient)).await.body["items"], "{list}");
    }
    for list in ["appointments", "records", "documents", "insights", "consents"] {
        let listed = story.doctor.get(&format!("/v1/{list}?patient={}", story.patient)).await;
        assert_eq!(record[list], listed.body["items"], "{list}");
        assert!(!listed.body["items"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_was_erased_is_told_as_erased() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let path = format!("/v1/patients/{}", story.patient);
    assert_eq!(story.doctor.get_after(&path, &other).await.status, 200);
    sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1")
        .bind(story.patient)
        .execute(&world.database.superuser())
        .await
        .unwrap();
    // another process, which has no key in memory
    let mut app = world.app.clone();
    app.vault = world.database.vault().await;
    let reader = story.doctor.at(anamnesis_api::router(app));
    let shown = reader.get(&path).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!((&shown.body["erased"], &shown.body["demographics"]), (&json!(true), &Value::Null));
    let listed = reader.get("/v1/patients").await;
    assert_eq!(listed.items("erased"), [json!(true), Value::Null]);
    let told = reader.get(&format!("{path}/history")).await;
    assert_eq!(told.items("erased"), [json!(true)]);
    assert_eq!(told.items("data"), [Value::Null]);
}
