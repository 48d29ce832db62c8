use anamnesis_domain::account::Role;
use anamnesis_domain::record::NewRecord;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, record, summary};
use crate::world::{Answer, World, patient};

struct Amended {
    story: Story,
    id: Uuid,
    created: Answer,
}

/// Written, signed, amended twice.
async fn amended(world: &World) -> Amended {
    let story = Story::begin(world).await;
    let created = story.doctor.must("/v1/records", &record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "First")).await;
    let id = created.id();
    let sign = |provider: Uuid| json!({ "provider_id": provider });
    let house = world.sign_in_as_provider(story.provider).await;
    // neither who is no provider nor another one
    for (whoever, provider) in [(&story.doctor, story.provider), (&house, Uuid::now_v7())] {
        whoever.post(&format!("/v1/records/{id}/sign"), &sign(provider)).await.is_problem(422, Some("provider_id"));
    }
    house.must(&format!("/v1/records/{id}/sign"), &sign(story.provider)).await;
    let mut amended = Amended { story, id, created };
    for title in ["Second", "Third"] {
        amended.story.last = amended.amend(title).await;
    }
    amended
}

impl Amended {
    async fn amend(&self, title: &str) -> Answer {
        let record = &record(self.story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", title)["record"];
        self.story.doctor.must(&format!("/v1/records/{}/amend", self.id), &json!({ "record": record, "reason": "typo" })).await
    }

    fn path(&self) -> String {
        format!("/v1/records/{}/versions", self.id)
    }
}

#[tokio::test]
async fn every_version_of_a_record_is_shown_with_what_was_signed() {
    let world = World::new().await;
    let amended = amended(&world).await;
    let doctor = &amended.story.doctor;
    let versions = doctor.get_after(&amended.path(), &amended.story.last).await;
    assert_eq!(versions.items("title"), [json!("First"), json!("Second"), json!("Third")]);
    assert_eq!(versions.items("version"), [json!(1), json!(2), json!(3)]);
    let written = record(amended.story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "First")["record"].take();
    let written: NewRecord = serde_json::from_value(written).unwrap();
    assert_eq!(versions.items("signed_sha256"), [json!(written.digest()), Value::Null, Value::Null]);
    assert_eq!(versions.items("signed_by")[0], json!([amended.story.provider]));
    let newest = doctor.get_after(&format!("/v1/records/{}", amended.id), &amended.story.last).await;
    assert_eq!(versions.body["items"][2], newest.body, "the last one is the record");
}

#[tokio::test]
async fn versions_come_in_pages_and_as_of_then() {
    let world = World::new().await;
    let amended = amended(&world).await;
    let (doctor, path) = (&amended.story.doctor, amended.path());
    let first = doctor.get_after(&format!("{path}?limit=2"), &amended.story.last).await;
    assert_eq!((first.items("version"), &first.body["next"]), (vec![json!(1), json!(2)], &json!("2")));
    let rest = doctor.get(&format!("{path}?limit=2&after=2")).await;
    assert_eq!((rest.items("version"), &rest.body["next"]), (vec![json!(3)], &Value::Null));
    let then = doctor.get(&format!("{path}?as_of={}", amended.created.position())).await;
    assert_eq!((then.items("title"), then.position()), (vec![json!("First")], amended.created.position()));
    assert_eq!(then.items("signed_at"), [Value::Null]);
    doctor.get(&format!("{path}?as_of={}", amended.created.position() - 1)).await.is_problem(404, None);
    doctor.get(&format!("{path}?as_of=99999999")).await.is_problem(422, Some("as_of"));
    doctor.get(&format!("/v1/records/{}/versions", Uuid::now_v7())).await.is_problem(404, None);
}

#[tokio::test]
async fn a_patient_sees_the_versions_of_their_own_records_and_it_is_recorded() {
    let world = World::new().await;
    let amended = amended(&world).await;
    let other = amended.story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let (zoe, lisa) = (world.sign_in_as_patient(amended.story.patient).await, world.sign_in_as_patient(other.id()).await);
    lisa.get(&amended.path()).await.is_problem(404, None);
    let before = world.count("journal.events where event_type = 'DataAccessed'").await;
    assert_eq!(zoe.get(&amended.path()).await.items("version").len(), 3);
    assert_eq!(world.count("journal.events where event_type = 'DataAccessed'").await, before + 1);
}

#[tokio::test]
async fn content_is_told_with_the_digits_that_were_written() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let content: Value = serde_json::from_str(r#"{"dose":1.10,"scale":1E2,"serial":12345678901234567890123}"#).unwrap();
    let mut body = record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "Potassium");
    body["record"]["content"] = json!({ "format": "STRUCTURED_JSON", "json": content });
    let created = story.doctor.must("/v1/records", &body).await;
    let (patient, id) = (story.patient, created.id());
    for path in [
        format!("/v1/records/{id}"),
        format!("/v1/records/{id}?as_of={}", created.position()),
        format!("/v1/records/{id}/versions"),
        format!("/v1/records?patient={patient}"),
    ] {
        let shown = String::from_utf8(story.doctor.get_after(&path, &created).await.bytes).unwrap();
        assert!(shown.contains(&content.to_string()), "{path}: {shown}");
    }
    let auditor = world.sign_in(Role::Auditor).await;
    for path in [format!("/v1/patients/{patient}/history"), format!("/v1/patients/{patient}/history/diff?from=1")] {
        let told = String::from_utf8(auditor.get_after(&path, &created).await.bytes).unwrap();
        assert!(told.contains(r#""dose":1.10"#) && told.contains("12345678901234567890123"), "{path}: {told}");
    }
}

#[tokio::test]
async fn records_are_found_by_the_kind_of_summary_that_they_have() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let written = |title| record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", title);
    let [summarized, _other] =
        [story.doctor.must("/v1/records", &written("One")).await.id(), story.doctor.must("/v1/records", &written("Two")).await.id()];
    let before = story.doctor.must(&format!("/v1/records/{summarized}/summarize"), &summary()).await;
    let mut again = summary();
    again["summary_type"] = json!("TREATMENT");
    for _ in 0..2 {
        story.doctor.must(&format!("/v1/records/{summarized}/summarize"), &again).await;
    }
    let body = json!({ "record": written("One, amended")["record"], "reason": "typo" });
    let last = story.doctor.must(&format!("/v1/records/{summarized}/amend"), &body).await;

    for path in ["/v1/records?summary_type=TREATMENT", &format!("/v1/records?patient={}&summary_type=TREATMENT", story.patient)] {
        let found = story.doctor.get_after(path, &last).await;
        assert_eq!(found.items("title"), [json!("One, amended")], "{path}");
        assert_eq!(found.items("summary_types"), [json!(["GENERAL", "TREATMENT"])], "{path}");
    }
    let then = format!("/v1/records?patient={}&as_of={}&summary_type", story.patient, before.position());
    assert_eq!(story.doctor.get_after(&format!("{then}=GENERAL"), &last).await.items("title"), [json!("One")]);
    assert_eq!(story.doctor.get_after(&format!("{then}=TREATMENT"), &last).await.items("title").len(), 0);
    assert_eq!(story.doctor.get("/v1/records?summary_type=DIAGNOSTIC").await.items("title").len(), 0);
    story.doctor.get("/v1/records?summary_type=SHORT").await.is_problem(422, Some("summary_type"));
}
