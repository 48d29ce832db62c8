//! What do those who listen get, and what not?

use std::collections::BTreeSet;
use std::time::Duration;

use anamnesis_api::{AppParts, StreamSettings, Streams, router};
use anamnesis_domain::account::Role;
use axum::body::BodyDataStream;
use axum::http::StatusCode;
use futures::StreamExt as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::story::{Story, record};
use crate::world::{Answer, Client, World, patient};

const PATIENTS: &str = "/v1/streams/patient-events";
/// "Within seconds", on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);
const SEED: u64 = 20_261_122;

/// Somebody who listens.
struct Listening {
    body: BodyDataStream,
    unread: String,
}

impl Listening {
    async fn to(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = client.listen(path, headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Self { body: response.into_body().into_data_stream(), unread: String::new() }
    }

    async fn follow(client: &Client, topic: &str, more: &str) -> Self {
        Self::to(client, &format!("/v1/streams/{topic}?follow=true{more}"), &[]).await
    }

    /// The next line; `None`: that was all.
    async fn line(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.unread.split_once('\n') {
                let (line, rest) = (serde_json::from_str(line).unwrap(), rest.to_owned());
                self.unread = rest;
                return Some(line);
            }
            let more = timeout(SOON, self.body.next()).await.expect("something comes in time")?;
            self.unread.push_str(std::str::from_utf8(&more.unwrap()).unwrap());
        }
    }

    /// The next event; what comes in between only says how far the stream is.
    async fn event(&mut self) -> Value {
        loop {
            let line = self.line().await.expect("the stream goes on");
            assert!(line.get("problem").is_none(), "{line}");
            if line.get("eventType").is_some() {
                return line;
            }
        }
    }

    /// How far the stream says it is, once that is at least so far; no event comes before.
    async fn passes(&mut self, position: u64) {
        loop {
            let line = self.line().await.expect("the stream goes on");
            assert!(line.get("eventType").is_none() && line.get("problem").is_none(), "{line}");
            if position_of(&line) >= position {
                return;
            }
        }
    }

    /// Why the stream ends; no event comes before.
    async fn problem(&mut self) -> Value {
        let mut line = self.line().await.expect("a stream that can't go on says why");
        while line.get("problem").is_none() {
            assert!(line.get("eventType").is_none(), "{line}");
            line = self.line().await.expect("a stream that can't go on says why");
        }
        assert_eq!(self.line().await, None, "that was the last");
        line["problem"].clone()
    }
}

fn position_of(line: &Value) -> u64 {
    line["position"].as_u64().unwrap()
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    String::from_utf8(answer.bytes.clone()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of a stream that has come to its end.
fn events(answer: &Answer) -> Vec<Value> {
    lines(answer).into_iter().filter(|line| line.get("eventType").is_some()).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["eventType"].as_str().unwrap()).collect()
}

/// Everything that can happen to a patient has happened.
async fn whole_story(world: &World) -> Story {
    let mut story = Story::begin(world).await;
    let mut step = 0;
    while story.go_on(step).await {
        step += 1;
    }
    story
}

async fn positions(world: &World, condition: &str) -> Vec<i64> {
    let sql = format!("select position from journal.log where {condition} order by position");
    sqlx::query_scalar(&sql).fetch_all(&world.database.superuser()).await.unwrap()
}

async fn accesses(world: &World) -> i64 {
    world.count("journal.events where aggregate_type = 'access'").await
}

fn consent(patient: Uuid, grantee: &Value, category: &str) -> Value {
    json!({ "patient_id": patient, "grantee": grantee, "purposes": ["TREATMENT"], "categories": [category] })
}

#[tokio::test]
async fn each_topic_tells_its_events_in_the_order_of_the_log_and_where_it_ended() {
    let world = World::new().await;
    whole_story(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    for (topic, aggregates) in [
        ("patient-events", "'patient', 'consent', 'provider', 'organization', 'facility'"),
        ("appointment-events", "'appointment'"),
        ("document-events", "'record', 'document'"),
        ("ai-events", "'insight', 'model', 'prediction'"),
        ("notification-events", "'notification'"),
    ] {
        for form in ["", "?identified=true"] {
            let answer = auditor.get(&format!("/v1/streams/{topic}{form}")).await;
            assert_eq!(answer.header("content-type"), "application/x-ndjson");
            assert_eq!(answer.header("cache-control"), "no-store");
            let told: Vec<_> = events(&answer).iter().map(|event| position_of(event).cast_signed()).collect();
            assert_eq!(told, positions(&world, &format!("aggregate_type in ({aggregates})")).await, "{topic}{form}");
            let (last, all) = (lines(&answer).pop().unwrap(), positions(&world, "true").await);
            assert!(last.as_object().unwrap().len() == 1 && all.contains(&position_of(&last).cast_signed()), "{last}");
        }
    }
}

#[tokio::test]
async fn wherever_a_stream_is_cut_off_it_goes_on_with_nothing_lost_and_nothing_twice() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    // more than a page
    for n in 0..210 {
        story.doctor.must("/v1/patients", &patient(&format!("N-{n}"), "Glover", "Zoë")).await;
    }
    let auditor = world.sign_in(Role::Auditor).await;
    let path = format!("{PATIENTS}?identified=true");
    let whole: Vec<_> = events(&auditor.get(&path).await).iter().map(position_of).collect();
    assert!(whole.len() > 210, "{whole:?}");
    let mut random = StdRng::seed_from_u64(SEED);
    for (round, accept) in ["application/x-ndjson", "text/event-stream"].repeat(2).into_iter().enumerate() {
        let (mut told, mut last): (Vec<u64>, Option<u64>) = (Vec::new(), None);
        loop {
            let resumed = last.map(|last| last.to_string());
            let mut headers = vec![("accept", accept)];
            headers.extend(resumed.as_deref().map(|last| ("last-event-id", last)));
            // `from` says nothing where there is a Last-Event-ID
            let path = if last.is_some() { format!("{path}&from=1") } else { path.clone() };
            let answer = auditor.get_with(&path, &headers).await;
            let text = String::from_utf8(answer.bytes).unwrap();
            let cut = random.random_range(0..=text.len());
            let came = String::from_utf8_lossy(&text.as_bytes()[..if text.len() < 1_000 { text.len() } else { cut }]);
            told.extend(
                whole_messages(&came, accept).inspect(|(position, _)| last = Some(*position)).filter(|(_, is_event)| *is_event).map(|(p, _)| p),
            );
            if came.len() == text.len() {
                break;
            }
        }
        assert_eq!(told, whole, "seed {SEED}, round {round}, {accept}");
    }
}

/// The messages that came whole: their positions, and whether they are events.
fn whole_messages<'a>(came: &'a str, accept: &str) -> Box<dyn Iterator<Item = (u64, bool)> + 'a> {
    if accept == "text/event-stream" {
        let whole = came.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        return Box::new(whole.split("\n\n").filter(|message| !message.is_empty()).map(|message| {
            let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
            (field("id: ").unwrap().parse().unwrap(), field("data: ").is_some())
        }));
    }
    let whole = came.rsplit_once('\n').map_or("", |(whole, _)| whole);
    Box::new(whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).map(|line| (position_of(&line), line.get("eventType").is_some())))
}

#[tokio::test]
async fn a_stream_begins_at_a_position_or_a_time_and_ends_after_so_many() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let whole = events(&auditor.get(&format!("{PATIENTS}?identified=true")).await);
    let (third, time) = (position_of(&whole[2]), whole[2]["timestamp"].as_str().unwrap());
    for from in [third.to_string(), time.to_owned()] {
        let told = events(&auditor.get(&format!("{PATIENTS}?identified=true&from={from}")).await);
        assert_eq!(told, whole[2..], "{from}");
    }
    let two = auditor.get(&format!("{PATIENTS}?identified=true&follow=true&limit=2&from={third}")).await;
    assert_eq!(events(&two), whole[2..4]);
    assert_eq!(position_of(lines(&two).last().unwrap()), position_of(&whole[3]), "it says where to go on");
    let after = auditor.get_with(&format!("{PATIENTS}?identified=true&limit=1"), &[("last-event-id", &third.to_string())]).await;
    assert_eq!(events(&after), whole[3..4]);
    assert!(events(&auditor.get_with(PATIENTS, &[("last-event-id", &story.last.position().to_string())]).await).is_empty());
}

#[tokio::test]
async fn where_nobody_is_identified_no_time_leads_to_a_position() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let (analyst, auditor) = (world.sign_in(Role::Analyst).await, world.sign_in(Role::Auditor).await);
    for client in [&analyst, &auditor] {
        for from in ["2026-01-31T09:30:00Z", "2999-01-31T09:30:00Z"] {
            client.get(&format!("{PATIENTS}?identified=false&from={from}")).await.is_problem(400, Some("from"));
            client.get(&format!("{PATIENTS}?from={from}")).await.is_problem(400, Some("from"));
        }
        assert!(!events(&client.get(&format!("{PATIENTS}?identified=false&from={}", story.last.position())).await).is_empty());
    }
}

#[tokio::test]
async fn who_follows_is_told_what_happens_and_how_far_the_rest_is() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let mut listening = Listening::follow(&auditor, "patient-events", "&identified=true").await;
    while listening.event().await["aggregateType"] != "patient" {}
    let changed = story.doctor.must(&format!("/v1/patients/{}/deactivate", story.patient), &json!({ "reason": "moved away" })).await;
    let told = listening.event().await;
    assert_eq!((told["eventType"].as_str(), position_of(&told)), (Some("PatientDeactivated"), changed.position()));
    assert_eq!(told["data"]["reason"], "moved away");
    // what happens elsewhere isn't told, but that it was passed
    let elsewhere = story.doctor.must("/v1/records", &record(story.patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c")).await;
    listening.passes(elsewhere.position()).await;
}

#[tokio::test]
async fn server_sent_events_have_their_position_as_id() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let from = story.last.position();
    let answer = auditor.get_with(&format!("{PATIENTS}?identified=true&from={from}&limit=1"), &[("accept", "text/event-stream")]).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = String::from_utf8(answer.bytes).unwrap();
    let (event, end) = text.split_once("\n\n").unwrap();
    let (id, data) = event.split_once('\n').unwrap();
    assert_eq!(id, format!("id: {from}"));
    assert_eq!(serde_json::from_str::<Value>(data.strip_prefix("data: ").unwrap()).unwrap()["eventType"], "PatientRegistered");
    assert_eq!(end, format!(": still here\nid: {from}\n\n"));
}

#[tokio::test]
async fn a_provider_is_told_of_a_patient_while_that_patient_consents() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let house = world.sign_in_as_provider(story.provider).await;
    assert!(events(&house.get(PATIENTS).await).is_empty(), "without a consent there is nothing to see");
    assert!(events(&story.doctor.get(PATIENTS).await).is_empty(), "an account that is no provider's can't be consented to");

    let granted = story.doctor.must("/v1/consents", &consent(story.patient, &json!({ "provider_id": story.provider }), "ALL")).await;
    let mut listening = Listening::follow(&house, "patient-events", "").await;
    for (expected, position) in [("PatientRegistered", story.last.position()), ("ConsentGranted", granted.position())] {
        let told = listening.event().await;
        assert_eq!((told["eventType"].as_str(), position_of(&told)), (Some(expected), position));
        assert_eq!(told["subjectId"], json!(story.patient));
    }
    assert_eq!(events(&house.get_with(PATIENTS, &[("anamnesis-purpose", "RESEARCH")]).await), [] as [Value; 0], "the consent names treatment");
    let died = |id: Uuid| (format!("/v1/patients/{id}/deactivate"), json!({ "reason": "moved away" }));
    let (path, body) = died(other.id());
    story.doctor.must(&path, &body).await;
    let (path, body) = died(story.patient);
    let told = story.doctor.must(&path, &body).await;
    assert_eq!(position_of(&listening.event().await), told.position(), "of the other patient nothing is told");

    story.doctor.must(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).await;
    let reactivated = story.doctor.must(&format!("/v1/patients/{}/reactivate", story.patient), &json!({})).await;
    listening.passes(reactivated.position()).await;
    assert!(events(&house.get(PATIENTS).await).is_empty(), "not even what was told before");
}

#[tokio::test]
async fn a_consent_gives_the_part_it_names_to_whom_it_names() {
    let world = World::new().await;
    let mut story = Story::begin(&world).await;
    story.on_patient("record-condition", &json!({ "condition": { "code": crate::story::code("44054006"), "status": "ACTIVE" } })).await;
    let admin = world.sign_in(Role::Admin).await;
    let house = world.sign_in_as_provider(story.provider).await;
    let granted = story.doctor.must("/v1/consents", &consent(story.patient, &json!({ "facility_id": story.facility }), "RECORDS")).await;
    assert!(events(&house.get(PATIENTS).await).is_empty(), "they don't work there");

    let affiliate = json!({ "affiliation": { "facility_id": story.facility } });
    admin.must(&format!("/v1/providers/{}/affiliate", story.provider), &affiliate).await;
    assert_eq!(types(&events(&house.get(PATIENTS).await)), ["ConditionRecorded"]);
    let demographics = consent(story.patient, &json!({ "provider_id": story.provider }), "DEMOGRAPHICS");
    story.doctor.must("/v1/consents", &demographics).await;
    assert_eq!(
        types(&events(&house.get(PATIENTS).await)),
        ["PatientRegistered", "ConditionRecorded", "ConsentGranted", "ConsentGranted"],
        "consents together"
    );
    story.doctor.must(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).await;
    assert!(!types(&events(&house.get(PATIENTS).await)).contains(&"ConditionRecorded"));
    admin.must(&format!("/v1/providers/{}/suspend", story.provider), &json!({ "reason": "under inquiry" })).await;
    assert!(events(&house.get(PATIENTS).await).is_empty(), "who may not see patients isn't told of them");
}

#[tokio::test]
async fn when_consents_cannot_be_known_nothing_is_given() {
    let mut world = World::with(anamnesis_api::ApiSettings { after_wait_ms: 500, position_wait_ms: 2_000, ..Default::default() }).await;
    let story = Story::begin(&world).await;
    let house = world.sign_in_as_provider(story.provider).await;
    story.doctor.must("/v1/consents", &consent(story.patient, &json!({ "provider_id": story.provider }), "ALL")).await;
    let auditor = world.sign_in(Role::Auditor).await;
    drop(world.projecting.take());
    tokio::time::sleep(Duration::from_millis(200)).await;
    story.doctor.must(&format!("/v1/patients/{}/deactivate", story.patient), &json!({ "reason": "moved away" })).await;
    let told = lines(&house.get(PATIENTS).await);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["problem"]["status"], 503, "{told:?}");
    assert!(!events(&auditor.get(&format!("{PATIENTS}?identified=true")).await).is_empty(), "who needs none is told");
}

#[tokio::test]
async fn a_revocation_is_heeded_before_it_has_its_place_in_the_log() {
    let world = World::with(anamnesis_api::ApiSettings { after_wait_ms: 500, position_wait_ms: 100, ..Default::default() }).await;
    let story = Story::begin(&world).await;
    let house = world.sign_in_as_provider(story.provider).await;
    let granted = story.doctor.must("/v1/consents", &consent(story.patient, &json!({ "provider_id": story.provider }), "ALL")).await;
    assert_eq!(types(&events(&house.get(PATIENTS).await)), ["PatientRegistered", "ConsentGranted"]);
    let mut held = world.database.superuser().begin().await.unwrap();
    sqlx::query("select from journal.head for update").execute(&mut *held).await.unwrap();
    let revoked = story.doctor.must(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).await;
    assert!(revoked.headers.get("anamnesis-position").is_none(), "the sequencer stands still");
    let told = lines(&house.get(PATIENTS).await);
    assert_eq!((told.len(), &told[0]["problem"]["status"]), (1, &json!(503)), "{told:?}");
    held.rollback().await.unwrap();
    assert!(events(&house.get(PATIENTS).await).is_empty());
}

#[tokio::test]
async fn a_patient_is_told_their_own_and_another_organization_nothing() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let zoe = world.sign_in_as_patient(story.patient).await;
    let own = events(&zoe.get(PATIENTS).await);
    let expected = positions(&world, &format!("aggregate_type in ('patient', 'consent') and subject_id = '{}'", story.patient)).await;
    assert_eq!(own.iter().map(|event| position_of(event).cast_signed()).collect::<Vec<_>>(), expected);
    assert!(own.iter().all(|event| event["subjectId"] == json!(story.patient)));
    for topic in ["appointment-events", "document-events", "ai-events"] {
        assert!(!events(&zoe.get(&format!("/v1/streams/{topic}")).await).is_empty(), "{topic}");
        let lisa = world.sign_in_as_patient(other.id()).await;
        assert!(events(&lisa.get(&format!("/v1/streams/{topic}")).await).is_empty(), "{topic}");
    }
    zoe.get("/v1/streams/audit-events").await.is_problem(403, None);

    let second = world.found("Second House").await;
    let stranger = world.sign_in_to(second, Role::Auditor, None).await;
    for form in ["", "?identified=true"] {
        let told = events(&stranger.get(&format!("{PATIENTS}{form}")).await);
        assert_eq!(types(&told), ["OrganizationRegistered"], "their own house is all there is");
        assert!(events(&stranger.get(&format!("/v1/streams/document-events{form}")).await).is_empty());
    }
}

#[tokio::test]
async fn analysts_are_told_what_happened_and_not_to_whom() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let before = accesses(&world).await;
    let analyst = world.sign_in(Role::Analyst).await;
    let first = analyst.get(PATIENTS).await;
    let text = String::from_utf8(first.bytes.clone()).unwrap();
    assert!(!text.contains("Glover") && !text.contains(&story.patient.to_string()) && text.contains("44054006"), "{text}");
    assert_eq!(events(&first), events(&analyst.get(PATIENTS).await), "who goes on later finds the same pseudonyms");
    let other = events(&world.sign_in(Role::Analyst).await.get(PATIENTS).await);
    assert_eq!(types(&other), types(&events(&first)));
    assert!(other.iter().zip(&events(&first)).all(|(other, first)| other["subjectId"] != first["subjectId"]), "pseudonyms are each reader's own");
    assert_eq!(accesses(&world).await, before, "nobody's data was read");
    analyst.get(&format!("{PATIENTS}?identified=true")).await.is_problem(403, None);
    let provider = world.sign_in_as_provider(story.provider).await;
    provider.get(&format!("{PATIENTS}?identified=false")).await.is_problem(403, None);
    assert_eq!(accesses(&world).await, before + 2, "that it was tried is recorded");
    world.sign_in(Role::Staff).await.get(PATIENTS).await.is_problem(403, None);
    let admin = world.sign_in(Role::Admin).await;
    let named = events(&admin.get(&format!("{PATIENTS}?identified=true")).await);
    assert!(
        !named.is_empty() && named.iter().all(|event| ["provider", "facility", "organization"].contains(&event["aggregateType"].as_str().unwrap()))
    );
}

#[tokio::test]
async fn what_is_given_has_been_recorded_with_whom_it_names() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let other = story.doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let before = accesses(&world).await;
    let mut listening = Listening::follow(&auditor, "patient-events", "&identified=true").await;
    assert_eq!(accesses(&world).await, before, "nothing was asked for yet");
    listening.event().await;
    assert_eq!(accesses(&world).await, before + 1, "one access for a page");

    // the access as well has its position then
    let events = world.count("journal.events").await;
    let head = world.app.log.wait_for(events.cast_unsigned(), SOON).await.unwrap().position.to_string();
    for (id, element) in [(story.patient, "ConditionRecorded"), (other.id(), "PatientRegistered")] {
        let disclosures = auditor.get_with(&format!("/v1/patients/{id}/disclosures"), &[("anamnesis-after", &head)]).await;
        let found = disclosures.body["items"].as_array().unwrap().iter().find(|item| item["action"] == "REPLAY").cloned().unwrap();
        assert_eq!((&found["user_id"], &found["resource_type"]), (&json!(auditor.account_id), &json!("streams/patient-events")));
        let elements = found["data_elements_accessed"].as_array().unwrap();
        assert!(elements.contains(&json!(element)) && elements.contains(&json!("ConditionRecorded")) == (id == story.patient), "{found}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_given() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let forbid = "create function journal.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
                  create trigger no before insert on journal.events for each statement execute function journal.no()";
    sqlx::raw_sql(forbid).execute(&world.database.superuser()).await.unwrap();
    let from = story.last.position();
    let told = auditor.get(&format!("{PATIENTS}?identified=true&from={from}")).await;
    assert_eq!(lines(&told).len(), 1);
    assert_eq!(lines(&told)[0]["problem"]["status"], 503);
    assert!(!String::from_utf8_lossy(&told.bytes).contains("Glover"));
    let events_too = auditor.get_with(&format!("{PATIENTS}?identified=true&from={from}"), &[("accept", "text/event-stream")]).await;
    assert!(String::from_utf8_lossy(&events_too.bytes).starts_with("event: problem\ndata: {"));
    assert!(!events(&auditor.get(PATIENTS).await).is_empty(), "what names nobody is given all the same");
}

#[tokio::test]
async fn a_stream_ends_with_its_session_its_role_and_its_account() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let admin = world.sign_in(Role::Admin).await;
    let end = story.last.position();
    let clients = [world.sign_in(Role::Auditor).await, world.sign_in(Role::Auditor).await, world.sign_in(Role::Auditor).await];
    let mut listening = Vec::new();
    for client in &clients {
        listening.push(Listening::follow(client, "patient-events", &format!("&identified=true&from={end}")).await);
    }
    for listening in &mut listening {
        listening.event().await;
    }
    let account = |client: &Client, command: &str| format!("/v1/accounts/{}/{command}", client.account_id);
    assert_eq!(clients[0].post("/v1/auth/logout", &json!({})).await.status, 204);
    admin.must(&account(&clients[1], "revoke-role"), &json!({ "role": "AUDITOR" })).await;
    admin.must(&account(&clients[2], "deactivate"), &json!({ "reason": "left" })).await;
    story.doctor.must(&format!("/v1/patients/{}/deactivate", story.patient), &json!({ "reason": "moved away" })).await;
    for (listening, status) in listening.iter_mut().zip([401, 403, 401]) {
        assert_eq!(listening.problem().await["status"], status);
    }
}

#[tokio::test]
async fn who_follows_the_audit_log_is_told_of_others_and_not_of_their_own_listening() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let (one, other) = (world.sign_in(Role::Auditor).await, world.sign_in(Role::PrivacyOfficer).await);
    while world.app.log.is_awaited(world.organization, "account").await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let head = world.app.log.head().await.unwrap().position + 1;
    let mut both = Vec::new();
    for client in [&one, &other] {
        both.push(Listening::follow(client, "audit-events", &format!("&identified=true&from={head}")).await);
    }
    let read = story.doctor.get_after(&format!("/v1/patients/{}", story.patient), &story.last).await;
    assert_eq!(read.status, 200);
    for listening in &mut both {
        let told = listening.event().await;
        assert_eq!((told["eventType"].as_str(), &told["data"]["resource_type"]), (Some("DataAccessed"), &json!("patients")));
    }
    let mut recorded = 0;
    for listening in &mut both {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let head = world.app.log.head().await.unwrap().position;
        listening.passes(head).await;
        recorded = accesses(&world).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(accesses(&world).await, recorded, "listening to each other they cause nothing");
    assert_eq!(recorded, 3, "the doctor's read, and that each was told of it");
}

#[tokio::test]
async fn an_erased_patient_leaves_events_that_say_nothing() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let destroy = format!("update journal.keys set state = 'destroyed', wraps = '{{}}' where subject_id = '{}' and purpose = 'data'", story.patient);
    sqlx::raw_sql(&destroy).execute(&world.database.superuser()).await.unwrap();
    // another process, which remembers no key
    let elsewhere = auditor.at(router(AppParts { vault: world.database.vault().await, ..world.app.clone() }));
    for form in ["", "&identified=true"] {
        let told = events(&elsewhere.get(&format!("{PATIENTS}?from={}{form}", story.last.position())).await);
        assert_eq!((types(&told), &told[0]["erased"], &told[0]["data"]), (vec!["PatientRegistered"], &json!(true), &Value::Null), "{form}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_and_all_together_have_so_many() {
    let world = World::new().await;
    let auditor = world.sign_in(Role::Auditor).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(Listening::follow(&auditor, "patient-events", "").await);
    }
    let refused = auditor.get(PATIENTS).await;
    refused.is_problem(429, None);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    let other = world.sign_in(Role::Auditor).await;
    for _ in 0..2 {
        open.push(Listening::follow(&other, "patient-events", "").await);
    }
    let refused = world.sign_in(Role::Auditor).await.get(PATIENTS).await;
    refused.is_problem(503, None);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(world.app.streams.count(), 5);
    open.clear();
    assert_eq!(world.app.streams.count(), 0);
    assert_eq!(auditor.get(PATIENTS).await.status, 200);
    assert_eq!(world.app.streams.count(), 0, "a stream that has ended is none");
}

#[tokio::test]
async fn who_doesnt_listen_makes_the_server_read_nothing() {
    let world = World::new().await;
    let story = whole_story(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let before = accesses(&world).await;
    let mut listening = Listening::follow(&auditor, "patient-events", "&identified=true").await;
    story.doctor.must(&format!("/v1/patients/{}/reactivate", story.patient), &json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(accesses(&world).await, before);
    let mut seen = BTreeSet::new();
    while seen.len() < 10 {
        assert!(seen.insert(position_of(&listening.event().await)));
    }
}

#[tokio::test]
async fn when_the_process_stops_streams_say_where_they_are_and_end() {
    let world = World::new().await;
    let story = Story::begin(&world).await;
    let auditor = world.sign_in(Role::Auditor).await;
    let closing = CancellationToken::new();
    let streams = Streams::new(StreamSettings::default(), closing.clone());
    let there = auditor.at(router(AppParts { streams, ..world.app.clone() }));
    let mut listening = Listening::follow(&there, "patient-events", &format!("&from={}", story.last.position())).await;
    let told = position_of(&listening.event().await);
    closing.cancel();
    let last = listening.line().await.unwrap();
    assert!(last.get("eventType").is_none() && position_of(&last) >= told);
    assert_eq!(listening.line().await, None);
    there.get(PATIENTS).await.is_problem(503, None);
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_by_field() {
    let world = World::new().await;
    let auditor = world.sign_in(Role::Auditor).await;
    auditor.get("/v1/streams/weather-events").await.is_problem(404, None);
    auditor.get("/v1/streams/log-heads").await.is_problem(404, None);
    auditor.get_with(PATIENTS, &[("accept", "application/json")]).await.is_problem(406, None);
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=-1", "from"),
        ("from=1000000", "from"),
        ("from=2999-01-01T00:00:00Z", "from"),
        ("follow=perhaps", "follow"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("identified=1", "identified"),
        ("colour=red", "colour"),
    ] {
        auditor.get(&format!("{PATIENTS}?{query}")).await.is_problem(400, Some(field));
    }
    for last in ["", "-1", "last", "1.5", "1000000", "99999999999999999999"] {
        auditor.get_with(PATIENTS, &[("last-event-id", last)]).await.is_problem(400, Some("Last-Event-ID"));
    }
    assert_eq!(world.app.streams.count(), 0);
}
