use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, patient};

fn request() -> Value {
    json!({ "amends": "never smoked", "reason": "it says I do", "tell": ["Dr. Wilson"] })
}

#[tokio::test]
async fn a_request_is_denied_disputed_and_answered_where_everybody_concerned_sees_it() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let own = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await.id();
    let (zoe, officer) = (world.sign_in_as_patient(own).await, world.sign_in(Role::PrivacyOfficer).await);
    let path = |command: &str| format!("/v1/patients/{own}/{command}");
    let asked = zoe.must(&path("request-amendment"), &request()).await;
    let open = officer.get_after("/v1/amendment-requests?status=OPEN", &asked).await;
    let row = &open.body["items"][0];
    let day = |field: &str| chrono::DateTime::parse_from_rfc3339(row[field].as_str().unwrap()).unwrap();
    assert_eq!((day("due_at") - day("requested_at")).num_days(), 60);
    assert_eq!((&row["amends"], &row["to_be_told"]), (&json!("never smoked"), &json!(["Dr. Wilson"])));
    let id = row["request_id"].clone();

    let later = (day("due_at") + chrono::Duration::days(30)).to_rfc3339();
    let too_late = (day("due_at") + chrono::Duration::days(31)).to_rfc3339();
    let extend = |due_at: &str| json!({ "request_id": id, "reason": "the author is away", "due_at": due_at });
    let refused = officer.post(&path("extend-amendment-deadline"), &extend(&too_late)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["rule"]), (422, &json!("not_thirty_days")));
    officer.must(&path("extend-amendment-deadline"), &extend(&later)).await;

    let deny = |ground: &str| json!({ "request_id": id, "ground": ground, "explanation": "it was measured" });
    officer.post(&path("deny-amendment"), &deny("TOO_MUCH_WORK")).await.is_problem(422, Some("ground"));
    officer.must(&path("deny-amendment"), &deny("ACCURATE_AND_COMPLETE")).await;
    zoe.must(&path("dispute-amendment-denial"), &json!({ "request_id": id, "statement": "measured wrongly" })).await;
    let last = officer.must(&path("rebut-amendment-dispute"), &json!({ "request_id": id, "rebuttal": "measured twice" })).await;
    let shown = zoe.get_after("/v1/amendment-requests", &last).await;
    let row = &shown.body["items"][0];
    let told = ["status", "denial_ground", "disagreement", "rebuttal", "extension_reason"].map(|field| row[field].clone());
    assert_eq!(told, ["REBUTTED", "ACCURATE_AND_COMPLETE", "measured wrongly", "measured twice", "the author is away"].map(Value::from));
    let then = zoe.get(&format!("/v1/amendment-requests?patient={own}&as_of={}", asked.position())).await;
    assert_eq!(then.items("status"), [json!("OPEN")]);
    assert_eq!(officer.get("/v1/amendment-requests?status=OPEN").await.items("request_id"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_accepted_amendment_stands_beside_the_record_that_it_amends() {
    let world = World::new().await;
    let mut story = crate::story::Story::begin(&world).await;
    let (own, officer) = (story.patient, world.sign_in(Role::PrivacyOfficer).await);
    story.last = story.doctor.must("/v1/records", &crate::story::record(own, "CLINICAL_NOTE", "2023-05-01T08:00:00Z", "First visit")).await;
    let record = story.last.id();
    let path = |command: &str| format!("/v1/patients/{own}/{command}");
    let id = Uuid::now_v7();
    let mut ask = request();
    (ask["request_id"], ask["record_id"]) = (json!(id), json!(record));
    officer.must(&path("request-amendment"), &ask).await;
    officer.must(&path("accept-amendment"), &json!({ "request_id": id, "amendment": "the patient never smoked" })).await;
    let last = officer.must(&path("tell-amendment-recipient"), &json!({ "request_id": id, "recipient": "Dr. Wilson" })).await;
    let shown = story.doctor.get_after(&format!("/v1/amendment-requests?record={record}&status=ACCEPTED"), &last).await;
    assert_eq!(shown.items("amendment"), [json!("the patient never smoked")]);
    assert_eq!(shown.items("told"), [json!(["Dr. Wilson"])]);
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    officer.post(&format!("/v1/patients/{other}/request-amendment"), &ask).await.is_problem(422, Some("record_id"));
}

#[tokio::test]
async fn who_may_have_a_record_is_listed_to_be_told_of_its_amendment() {
    let world = World::new().await;
    let mut story = crate::story::Story::begin(&world).await;
    let own = story.patient;
    let wrote = |title: &str| crate::story::record(own, "CLINICAL_NOTE", "2023-05-01T08:00:00Z", title);
    let other = story.doctor.must("/v1/records", &wrote("First visit")).await.id();
    story.last = story.doctor.must("/v1/records", &wrote("Second visit")).await;
    let record = story.last.id();
    let [reader, lister, elsewhere, later] = [(); 4].map(|()| world.sign_in(Role::Provider));
    let (reader, lister, elsewhere, later) = (reader.await, lister.await, elsewhere.await, later.await);
    assert_eq!(reader.get_after(&format!("/v1/records/{record}"), &story.last).await.status, 200);
    assert_eq!(lister.get(&format!("/v1/records?patient={own}")).await.status, 200);
    assert_eq!(elsewhere.get(&format!("/v1/records/{other}")).await.status, 200);
    let officer = world.sign_in(Role::PrivacyOfficer).await;
    let (id, path) = (Uuid::now_v7(), format!("/v1/patients/{own}"));
    officer.must(&format!("{path}/request-amendment"), &json!({ "request_id": id, "record_id": record, "amends": "a", "reason": "b" })).await;
    let accepted = officer.must(&format!("{path}/accept-amendment"), &json!({ "request_id": id, "amendment": "never smoked" })).await;
    let decided = officer.get_after(&format!("/v1/amendment-requests?record={record}"), &accepted).await.items("decided_at").remove(0);
    assert_eq!(later.get(&format!("/v1/records/{record}")).await.status, 200);
    let position = world.app.log.head().await.unwrap().position;
    let asked = format!("{path}/disclosures?record={record}&outcome=GRANTED&to={}", decided.as_str().unwrap());
    let told = officer.get_with(&asked, &[("anamnesis-after", &position.to_string())]).await;
    assert_eq!(told.items("user_id"), [json!(lister.account_id), json!(reader.account_id)]);
    assert!(officer.get(&format!("{path}/disclosures?outcome=DENIED")).await.items("user_id").is_empty());
}

#[tokio::test]
async fn who_may_ask_may_not_decide_and_nobody_asks_for_another() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let own = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await.id();
    let other = staff.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
    let zoe = world.sign_in_as_patient(own).await;
    let id = Uuid::now_v7();
    let mut ask = request();
    ask["request_id"] = json!(id);
    let last = staff.must(&format!("/v1/patients/{own}/request-amendment"), &ask).await;
    let accept = json!({ "request_id": id, "amendment": "never smoked" });
    let doctor = world.sign_in(Role::Provider).await;
    for client in [&zoe, &staff, &doctor, &world.sign_in(Role::Auditor).await, &world.sign_in(Role::Admin).await] {
        client.post(&format!("/v1/patients/{own}/accept-amendment"), &accept).await.is_problem(403, None);
    }
    doctor.post(&format!("/v1/patients/{own}/request-amendment"), &ask).await.is_problem(403, None);
    zoe.post(&format!("/v1/patients/{other}/request-amendment"), &ask).await.is_problem(404, None);
    let lisa = world.sign_in_as_patient(other).await;
    assert_eq!(lisa.get_after("/v1/amendment-requests", &last).await.items("request_id"), Vec::<Value>::new());
    lisa.get(&format!("/v1/amendment-requests?patient={own}")).await.is_problem(404, None);
}
