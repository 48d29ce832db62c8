//! What do those get who listen, over the network, when anything may break in between?

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anamnesis_tests::{Client, Clinic, Listening, Role, Server, clinic, eventually, new_patient, unique, unique_name};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};

/// "Within seconds".
const SOON: Duration = Duration::from_secs(10);
/// On a machine that is busy.
const LATER: Duration = Duration::from_mins(1);

const QUICK: &[(&str, &str)] = &[("ANAMNESIS_STREAM_HEARTBEAT_MS", "500")];

fn follow(client: &Client, topic: &str, more: &str) -> Listening {
    client.request("GET", &format!("/v1/streams/{topic}?follow=true{more}")).listen()
}

fn position_of(line: &Value) -> u64 {
    line["position"].as_u64().unwrap()
}

fn deactivate(clinic: &Clinic, patient: &str) -> u64 {
    clinic.staff().post(&format!("/v1/patients/{patient}/deactivate"), &json!({ "reason": "moved away" })).expect(200).position()
}

/// The events of a patient that a stream which has ended told.
fn told_of(clinic: &Clinic, client: &Client, patient: &str) -> Vec<String> {
    let (head, mut told) = (clinic.server.database().settled(), Vec::new());
    let answer = client.get("/v1/streams/patient-events?identified=true").expect(200).text();
    let mut lines = answer.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none() {
            assert!(line.get("eventType").is_none() && position_of(&line) >= head, "the last line says how far it came: {line}");
        } else if line["subjectId"] == patient {
            told.push(line["eventType"].as_str().unwrap().to_owned());
        }
    }
    told
}

#[test]
fn who_follows_sees_a_new_event_within_seconds_in_both_forms() {
    let clinic = clinic();
    let family = unique_name("Followed");
    let head = clinic.server.database().settled();
    let mut lines = follow(&clinic.auditor(), "patient-events", &format!("&identified=true&from={head}"));
    let request = clinic.auditor().request("GET", &format!("/v1/streams/patient-events?follow=true&identified=true&from={head}"));
    let mut messages = request.header("accept", "text/event-stream").listen();
    assert_eq!((lines.media_type(), messages.media_type()), ("application/x-ndjson", "text/event-stream"));

    let registered = clinic.register(&new_patient(&family));
    let position = registered.position();
    let mut line = lines.event(SOON);
    while position_of(&line) < position {
        line = lines.event(SOON);
    }
    assert_eq!((&line["eventType"], &line["data"]["patient"]["name"]["family"]), (&json!("PatientRegistered"), &json!(family)));
    let id = format!("id: {position}\n");
    let message = eventually("the event comes", SOON, || messages.next("\n\n", SOON).filter(|message| message.starts_with(&id)));
    let data = message.strip_prefix(&id).unwrap().strip_prefix("data: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), line);
}

#[test]
fn a_consent_that_is_revoked_while_a_provider_listens_ends_what_they_are_told() {
    let clinic = clinic();
    let (provider, patient) = (clinic.new_provider(), clinic.new_patient());
    let house = clinic.server.somebody_linked(Role::Provider, &json!({ "provider_id": provider }));
    let consent = json!({ "patient_id": patient, "grantee": { "provider_id": provider }, "purposes": ["TREATMENT"], "categories": ["ALL"] });
    assert!(told_of(clinic, &house, &patient).is_empty());
    let granted = clinic.staff().post("/v1/consents", &consent).expect(201);
    let mut listening = follow(&house, "patient-events", "");
    assert_eq!(listening.event(LATER)["eventType"], "PatientRegistered");
    assert_eq!(listening.event(LATER)["eventType"], "ConsentGranted");

    clinic.staff().post(&format!("/v1/consents/{}/revoke", granted.id()), &json!({})).expect(200);
    let deactivated = deactivate(clinic, &patient);
    assert_eq!(listening.until(deactivated, LATER), Vec::<Value>::new());
    assert!(told_of(clinic, &house, &patient).is_empty());
    assert_eq!(told_of(clinic, &clinic.auditor(), &patient), ["PatientRegistered", "ConsentGranted", "ConsentRevoked", "PatientDeactivated"]);
}

#[test]
fn a_patient_and_an_analyst_are_told_what_is_theirs() {
    let clinic = clinic();
    let (ada, own) = clinic.new_patient_with_account();
    let other = clinic.new_patient();
    assert!(!told_of(clinic, &ada, &own).is_empty());
    assert!(told_of(clinic, &ada, &other).is_empty());
    let text = clinic.role(Role::Analyst).get("/v1/streams/patient-events").expect(200).text();
    assert!(text.contains("PatientRegistered") && !text.contains(&own) && !text.contains("Springfield"));
    assert_eq!(clinic.role(Role::Analyst).get("/v1/streams/patient-events?identified=true").problem(403), "forbidden");
    assert_eq!(clinic.staff().get("/v1/streams/patient-events").problem(403), "forbidden");
}

#[test]
fn what_a_stream_gives_has_been_recorded() {
    let clinic = clinic();
    let registered = clinic.register(&new_patient(&unique_name("Streamed")));
    let auditor = clinic.server.somebody(Role::Auditor);
    let path = format!("/v1/streams/patient-events?identified=true&limit=1&from={}", registered.position());
    assert!(auditor.get(&path).expect(200).text().contains(&registered.id()));
    let told = clinic.audited(&format!("/v1/patients/{}/disclosures?limit=200", registered.id()));
    let found: Vec<_> = told.iter().filter(|item| item["user_id"] == auditor.account_id).collect();
    assert_eq!(found.len(), 1, "{told:#?}");
    assert_eq!((&found[0]["action"], &found[0]["data_elements_accessed"]), (&json!("REPLAY"), &json!(["PatientRegistered"])));
}

#[test]
fn through_kills_of_the_server_and_the_connection_a_stream_tells_each_event_once() {
    let clinic = Clinic::at(Server::with(QUICK));
    let auditor = clinic.auditor();
    let (mut told, mut last) = (Vec::new(), 0);
    for round in 0..6 {
        for _ in 0..5 {
            clinic.new_patient();
        }
        let request = auditor.request("GET", "/v1/streams/patient-events?follow=true&identified=true").header("last-event-id", &last.to_string());
        let mut listening = request.listen();
        // cut off somewhere in the middle
        for _ in 0..=round % 5 {
            let event = listening.event(LATER);
            last = position_of(&event);
            told.push(last);
        }
        if round % 2 == 0 {
            clinic.server.kill();
            // what had come already is heard as well; then the connection is lost
            while let Some(line) = listening.line(LATER) {
                last = position_of(&line);
                told.extend(line.get("eventType").map(|_| last));
            }
            clinic.server.up();
        }
    }
    let mut database = clinic.server.database();
    let head = database.settled();
    let request = auditor.request("GET", "/v1/streams/patient-events?identified=true").header("last-event-id", &last.to_string());
    let mut listening = request.listen();
    told.extend(listening.until(head, LATER).iter().map(position_of));
    let topic = "aggregate_type in ('patient', 'consent', 'provider', 'organization', 'facility')";
    let logged: Vec<i64> = database.all(&format!("select position from journal.log where {topic} order by position"));
    assert_eq!(told, logged.into_iter().map(i64::cast_unsigned).collect::<Vec<_>>());
}

#[test]
fn who_doesnt_take_what_is_given_holds_little_and_hinders_nobody() {
    let clinic = Clinic::at(Server::with(&[("ANAMNESIS_STREAM_HEARTBEAT_MS", "500"), ("ANAMNESIS_STREAMS_PER_ACCOUNT", "1")]));
    let (doctor, auditor, patient) = (clinic.doctor(), clinic.auditor(), clinic.new_patient());
    let records = 40;
    write_scans(&doctor, &patient, records);
    let mut slow = raw(&clinic, &auditor, "/v1/streams/document-events?follow=true&identified=true");
    let mut database = clinic.server.database();
    let given = format!("select count(*) from journal.events where aggregate_type = 'access' and actor_id = '{}'", auditor.account_id);
    // until nothing more fits into what lies between
    let mut stands = 0;
    eventually("the server waits for its client", LATER, || {
        std::thread::sleep(Duration::from_secs(2));
        let before = std::mem::replace(&mut stands, database.one::<i64>(&given));
        (stands > 0 && stands == before).then_some(())
    });
    assert!(stands < records, "{stands} pages were given to one who takes nothing");
    let busy = "select count(*) from pg_stat_activity where application_name = 'anamnesis' and state like 'idle in transaction%'";
    // loops have one open now and then; one that was held for the client would be there each time
    eventually("no transaction is held open for them", SOON, || (database.one::<i64>(busy) == 0).then_some(()));
    // another place there is none for them, but for others
    assert_eq!(auditor.get("/v1/streams/document-events").problem(429), "too-many-requests");
    let other = clinic.server.somebody(Role::Auditor);
    let whole = other.get("/v1/streams/document-events").expect(200).text();
    assert_eq!(i64::try_from(whole.matches(CREATED).count()).unwrap(), records);

    // it goes on where it was, and nothing is missing
    let (mut buffer, mut kept, mut heard) = (vec![0; 1 << 20], String::new(), 0);
    while heard < records {
        let read = slow.read(&mut buffer).unwrap();
        assert!(read > 0, "it has ended");
        kept.push_str(&String::from_utf8_lossy(&buffer[..read]));
        heard += i64::try_from(kept.matches(CREATED).count()).unwrap();
        // a name that was cut in two is found with its other half
        kept = kept.split_off(kept.len().saturating_sub(CREATED.len() - 1));
    }
    drop(slow);
    eventually("whoever leaves makes room", SOON, || (auditor.get("/v1/streams/document-events?limit=1").status == 200).then_some(()));
}

#[test]
fn when_the_server_stops_streams_end_and_who_takes_nothing_is_not_waited_for() {
    let clinic = Clinic::at(Server::with(&[("ANAMNESIS_REQUEST_TIMEOUT_MS", "5000")]));
    let doctor = clinic.doctor();
    let patient = clinic.new_patient();
    write_scans(&doctor, &patient, 30);
    let mut listening = follow(&clinic.auditor(), "patient-events", "&identified=true");
    let mut told = BTreeSet::from([position_of(&listening.event(LATER))]);
    let _stalled = raw(&clinic, &clinic.auditor(), "/v1/streams/document-events?follow=true&identified=true");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(clinic.server.stop(), Some(0));
    let mut last = Value::Null;
    while let Some(line) = listening.line(LATER) {
        told.insert(position_of(&line));
        last = line;
    }
    assert!(last.get("eventType").is_none() && last.get("problem").is_none(), "it says where to go on: {last}");
    assert_eq!(told.last(), Some(&position_of(&last)));
}

#[test]
fn what_cannot_be_understood_is_refused_by_name() {
    let clinic = clinic();
    let auditor = clinic.auditor();
    assert_eq!(auditor.get(&format!("/v1/streams/{}", unique())).problem(404), "not-found");
    assert_eq!(auditor.request("GET", "/v1/streams/patient-events").header("accept", "text/html").send().problem(406), "not-acceptable");
    let answer = auditor.get("/v1/streams/patient-events?from=Zzyzxqwv");
    assert_eq!((answer.problem(400), answer.fields()), ("invalid-field".to_owned(), vec!["from".to_owned()]));
    assert!(!answer.text().contains("Zzyzxqwv"));
    let answer = auditor.request("GET", "/v1/streams/patient-events").header("last-event-id", "Zzyzxqwv").send();
    assert_eq!((answer.problem(400), answer.fields()), ("invalid-field".to_owned(), vec!["Last-Event-ID".to_owned()]));
}

const CREATED: &str = "RecordCreated";

/// Records of which a page holds one: together more than sockets keep.
fn write_scans(doctor: &Client, patient: &str, records: i64) {
    let text = json!(Alphanumeric.sample_string(&mut rand::rng(), 700_000)).to_string();
    let content = json!({ "format": "STRUCTURED_JSON", "json": text });
    let record =
        json!({ "patient_id": patient, "record_type": "IMAGING", "record_date": "2024-05-01T08:00:00Z", "title": "Scan", "content": content });
    for _ in 0..records {
        doctor.post("/v1/records", &json!({ "record": record })).expect(201);
    }
}

/// A connection on which a request was sent, and nothing is read.
fn raw(clinic: &Clinic, client: &Client, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(clinic.server.address()).unwrap();
    connection.set_read_timeout(Some(LATER)).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: anamnesis\r\nAuthorization: Bearer {}\r\n\r\n", client.token()).unwrap();
    connection
}
