//! Do the seven data flows of the specification's first document flow as they are drawn there? A test each, named as it is there.
//!
//! All of them happen in one installation, each of whose parts is a process of its own: `serve` answers, `publish` fills
//! Kafka's topics, `project` makes read models of them, and Redis keeps what was read.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::time::Duration;

use anamnesis_tests::{Answer, Apart, Clinic, Part, Redis, Role, eventually, new_patient, unique, unique_name};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use serde_json::{Value, json};

use crate::cached::{change_contact, number_in, until_cached};
use crate::downstream::{contains, parts, records};
use crate::kafka::settings;
use crate::notices::{Receiver, SECRET};
use crate::secrecy::spellings;

const SOON: Duration = Duration::from_mins(1);

struct House {
    apart: Apart,
    redis: Redis,
    /// What is in front of the names of its topics.
    topics: &'static str,
    /// Who is told that a patient's contact has changed.
    receiver: Receiver,
}

static HOUSE: LazyLock<Option<House>> = LazyLock::new(|| catch_unwind(House::open).ok());

fn house() -> &'static House {
    HOUSE.as_ref().expect("the installation starts: the first test that failed says why it didn't")
}

impl House {
    fn open() -> Self {
        let (redis, receiver, (mut given, topics)) = (Redis::start(), Receiver::default(), settings());
        given.extend([
            ("ANAMNESIS_REDIS_URL", &*redis.url().leak()),
            ("ANAMNESIS_WEBHOOK_URL", &*format!("http://{}/notices", receiver.listen()).leak()),
            ("ANAMNESIS_WEBHOOK_SECRET", SECRET),
            ("ANAMNESIS_WEBHOOK_EVENTS", r#"["PatientContactChanged"]"#),
        ]);
        Self { apart: Apart::start(&given, 1), redis, topics, receiver }
    }

    fn clinic(&self) -> &Clinic {
        &self.apart.clinic
    }

    /// What the audit says was done, in order: the action, the event, and whether it failed.
    #[track_caller]
    fn acts(&self, filter: &str) -> Vec<String> {
        let listed = self.clinic().audited(&format!("/v1/audit/audit-logs?limit=200&{filter}"));
        let text = |act: &Value, field: &str| act[field].as_str().unwrap().to_owned();
        let failed = |act: &Value| if act["success"] == true { "" } else { " failed" };
        listed.iter().rev().map(|act| format!("{} {}{}", text(act, "action"), text(act, "event_type"), failed(act))).collect()
    }

    /// What of a patient was given or denied, in order: to which account, and how that ended, by doing what to what.
    #[track_caller]
    fn accesses(&self, patient: &str) -> Vec<(String, String)> {
        let listed = self.clinic().audited(&format!("/v1/audit/data-access-logs?limit=200&patient={patient}"));
        let text = |access: &Value, field: &str| access[field].as_str().unwrap().to_owned();
        let told = |access: &Value| ["outcome", "action", "resource_type"].map(|field| text(access, field)).join(" ");
        listed.iter().rev().map(|access| (text(access, "user_id"), told(access))).collect()
    }

    /// What the compliance log has on a thing or an account, in order: the event and the rule.
    #[track_caller]
    fn rules(&self, about: &str) -> Vec<(String, String)> {
        let listed = self.clinic().audited("/v1/audit/compliance-logs?limit=200");
        let found = listed.iter().rev().filter(|act| act["affected_resource_id"] == about || act["affected_users"].to_string().contains(about));
        found.map(|act| ["event_type", "compliance_rule"].map(|field| act[field].as_str().unwrap().to_owned()).into()).collect()
    }

    /// A thing's records in a topic, once there are so many.
    #[track_caller]
    fn published(&self, topic: &str, id: &str, count: usize) -> Vec<OwnedMessage> {
        eventually("the records are in Kafka", SOON, || {
            let records = records(&format!("{}{topic}", self.topics));
            let of_it: Vec<_> = records.into_iter().filter(|record| record.key() == Some(id.as_bytes())).collect();
            (of_it.len() >= count).then_some(of_it)
        })
    }

    /// The entry of Redis in whose name this stands, with its name. (What tells that it was thrown out stands beside it.)
    fn held(&self, key: &str) -> Option<(String, Vec<u8>)> {
        self.redis.dump().into_iter().find(|(name, _)| name.contains(key) && !name.ends_with(":generation"))
    }

    /// An answer from the cache. That it is one is told by a row that isn't in its table while it is asked for.
    fn answered_from_cache(&self, key: &str, table: &str, row: &str, ask: impl Fn() -> Answer) -> Answer {
        let mut database = self.clinic().server.database();
        database.execute(&format!("create temp table away as select * from {table} where {row}"));
        eventually("the cache answers", SOON, || {
            ask().expect(200);
            let (name, _) = self.held(key)?;
            assert_eq!(database.execute(&format!("delete from {table} where {row}")), 1, "{table} where {row}");
            let answer = ask();
            database.execute(&format!("insert into {table} select * from away"));
            if answer.status != 200 {
                // now it holds that there is none
                self.redis.forget(&name);
            }
            (answer.status == 200).then_some(answer)
        })
    }

    /// Where a command's event stands in the log.
    fn logged(&self, done: &Answer) -> u64 {
        let (id, sequence) = (done.id(), done.json()["sequence"].as_u64().unwrap());
        let mut database = self.clinic().server.database();
        database.settled();
        database.one::<i64>(&format!("select position from journal.log where aggregate_id = '{id}' and sequence = {sequence}")).cast_unsigned()
    }

    /// Whether whoever is told was told of it.
    fn is_told(&self, position: u64) -> bool {
        self.receiver.told().iter().any(|told| told.body["data"]["position"] == position)
    }
}

/// That nothing tells it, however it is spelt.
#[track_caller]
fn is_told_nowhere(texts: &[&str], places: &[Vec<u8>]) {
    assert!(!places.is_empty());
    for text in texts {
        assert!(!contains(places, &spellings(text)), "{text} is in the clear");
    }
}

fn position_of(record: &OwnedMessage) -> u64 {
    let header = record.headers().unwrap().iter().find(|header| header.key == "position").unwrap();
    std::str::from_utf8(header.value.unwrap()).unwrap().parse().unwrap()
}

/// Frontend → Gateway → Auth Service → PostgreSQL; token and user context → business services; Redis (user session) → response.
#[test]
fn authentication_data_flow() {
    let (house, clinic, anonymous) = (house(), house().clinic(), house().clinic().server.anonymous());
    let (name, password) = (unique_name("Receptionist"), unique());
    let email = format!("{name}@clinic.example");
    let account = json!({ "profile": { "email": email, "display_name": name }, "roles": [{ "role": "STAFF" }] });
    clinic.administrator().post("/v1/accounts", &json!({ "account": account, "password": password })).expect(201);
    let sign_in = |password: &str| anonymous.post("/v1/auth/login", &json!({ "email": email, "password": password }));
    assert_eq!(anonymous.get("/v1/patients").problem(401), "unauthenticated");
    assert_eq!(sign_in(&unique()).problem(401), "sign-in-failed");

    let opened = sign_in(&password).expect(200).json();
    assert_eq!((&opened["token_type"], &opened["roles"]), (&json!("Bearer"), &json!(["STAFF"])));
    let (token, account) = (opened["access_token"].as_str().unwrap(), opened["account_id"].as_str().unwrap());
    let staff = anonymous.with_token(token);
    let registered = staff.post("/v1/patients", &new_patient(&unique_name("Met"))).expect(201);
    staff.get_after(&format!("/v1/patients/{}", registered.id()), &registered.consistency()).expect(200);
    assert_eq!(staff.get("/v1/accounts").problem(403), "forbidden");

    let (key, session) = eventually("the session is in Redis", SOON, || house.held(&format!(":user:session:{account}")));
    let left = house.redis.forgets_in(&key);
    assert!(left.is_some_and(|left| (1..=3600).contains(&left)), "{left:?}");
    let held: Vec<_> = house.redis.dump().into_iter().flat_map(|(key, value)| [key.into_bytes(), value]).collect();
    assert!(held.contains(&session));
    is_told_nowhere(&[&name, &email, &password, token], &held);

    staff.post("/v1/auth/logout", &json!({})).expect(204);
    assert_eq!(staff.get("/v1/patients").problem(401), "unauthenticated");
    let of_account = ["CREATE AccountCreated", "UPDATE RoleGranted", "LOGIN SignInFailed failed", "LOGIN SignedIn", "LOGOUT SignedOut"];
    assert_eq!(house.acts(&format!("resource={account}&resource_type=account")), of_account);
    let by_account = house.acts(&format!("user={account}"));
    for act in ["LOGIN SignedIn", "CREATE PatientRegistered", "READ DataAccessed", "DENY_ACCESS AccessDenied failed", "LOGOUT SignedOut"] {
        assert!(by_account.iter().any(|done| done == act), "{act}: {by_account:?}");
    }
    assert!(house.rules(account).contains(&("SignInFailed".to_owned(), "164.308(a)(5)(ii)(C)".to_owned())));
}

/// Data access; permissions are validated; the cache is asked, and the data is returned cached or fresh; audit and compliance.
#[test]
fn healthcare_data_access_flow() {
    let (house, clinic) = (house(), house().clinic());
    let registered = clinic.register(&new_patient(&unique_name("Looked")));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    let key = format!("health:patient:{id}:profile");

    // whose role has no right, and whose right doesn't reach so far
    let analyst = clinic.server.somebody(Role::Analyst);
    let (other, _) = clinic.new_patient_with_account();
    assert_eq!(analyst.get(&path).problem(403), "forbidden");
    assert_eq!(other.get_after(&path, &registered.consistency()).problem(404), "not-found");
    assert_eq!(house.held(&key), None, "nobody was given anything yet");

    // from the table, from the cache, and after each change as it is now
    let (doctor, reads) = (clinic.doctor(), Cell::new(0));
    let count = |answer: Answer| {
        reads.set(reads.get() + usize::from(answer.status == 200));
        answer
    };
    let mut known = registered.consistency();
    for number in 4711..4714 {
        let fresh = count(doctor.get_after(&path, &known)).expect(200);
        let cached = house.answered_from_cache(&key, "read.patients", &format!("patient_id = '{id}'"), || count(doctor.get(&path)));
        assert_eq!(cached.body, fresh.body, "byte for byte");
        known = change_contact(clinic, &path, number);
        let shown = count(doctor.get_after(&path, &known)).expect(200);
        assert_eq!(number_in(&shown.json()), format!("+1 555 {number:07}"));
    }

    let granted = (doctor.account_id.clone(), "GRANTED READ patients".to_owned());
    let recorded = house.accesses(&id).iter().filter(|access| **access == granted).count();
    assert_eq!(recorded, reads.get(), "each of them is recorded, from wherever it was answered");
    let denied: Vec<_> = house.accesses(&id).into_iter().filter(|(_, told)| told.starts_with("DENIED")).map(|(account, _)| account).collect();
    assert_eq!(denied, [other.account_id.as_str()]);
    for refused in [&analyst, &other] {
        let acts = house.acts(&format!("user={}&action=DENY_ACCESS", refused.account_id));
        assert_eq!(acts, ["DENY_ACCESS AccessDenied failed"]);
    }
    let listed = clinic.audited(&format!("/v1/audit/audit-logs?user={}&action=DENY_ACCESS", analyst.account_id));
    let access = listed[0]["resource_id"].as_str().unwrap();
    assert_eq!(house.rules(access), [("AccessDenied".to_owned(), "164.312(a)(1)".to_owned())]);
}

/// File metadata → PostgreSQL → file registry; path and metadata → response; access logging → compliance.
///
/// What is missing until files are stored: the bytes themselves. Nobody sends any, `storage_path` says where they will lie, there is no
/// address to fetch them from, and it is the caller who says which checksum they have.
#[test]
fn file_storage_flow() {
    let (house, clinic, doctor) = (house(), house().clinic(), house().clinic().doctor());
    let patient = clinic.new_patient();
    let (name, text) = (unique_name("Scan"), unique_name("Haemoglobin"));
    let sha256 = format!("{}{}", unique(), unique());
    let document = |name: &str, sha256: &str| {
        json!({ "patient_id": patient, "kind": "LAB_RESULT", "file_name": format!("{name}.pdf"), "media_type": "application/pdf",
            "size_bytes": 48_213, "sha256": sha256 })
    };
    let registered = doctor.post("/v1/documents", &document(&name, &sha256)).expect(201);
    let (id, path) = (registered.id(), format!("/v1/documents/{}", registered.id()));
    let does = |command: &str, body: &Value| doctor.post(&format!("{path}/{command}"), body).expect(200);
    assert_eq!(doctor.post(&format!("{path}/start-processing"), &json!({})).rule().as_deref(), Some("not_verified"));
    does("verify-checksum", &json!({ "sha256": sha256 }));
    does("start-processing", &json!({}));
    let record = json!({ "patient_id": patient, "record_type": "LAB_RESULT", "record_date": "2024-05-01T08:00:00Z", "title": "HbA1c" });
    let record = doctor.post("/v1/records", &json!({ "record": record })).expect(201).id();
    let attached = doctor.post(&format!("/v1/records/{record}/attach-document"), &json!({ "document_id": id })).expect(200);
    let read = does("complete-processing", &json!({ "extracted_text": text }));

    let shown = doctor.get_after(&path, &read.consistency()).expect(200).json();
    for (field, value) in [
        ("file_name", json!(format!("{name}.pdf"))),
        ("media_type", json!("application/pdf")),
        ("size_bytes", json!(48_213)),
        ("sha256", json!(sha256)),
        ("checksum_status", json!("VERIFIED")),
        ("status", json!("COMPLETED")),
        ("extracted_text", json!(text)),
        ("registered_by", json!(doctor.account_id)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let place = shown["storage_path"].as_str().unwrap();
    assert!(place.starts_with(&format!("patients/{patient}/reports/lab-results/")), "{place}");
    let listed = doctor.get(&format!("/v1/documents?patient={patient}&kind=LAB_RESULT")).expect(200).json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["document_id"]), (1, &json!(id)));
    let records = doctor.get_after(&format!("/v1/records?patient={patient}&document={id}"), &attached.consistency()).expect(200).json();
    assert_eq!((records["items"].as_array().unwrap().len(), &records["items"][0]["record_id"]), (1, &json!(record)));

    let row: String = clinic.server.database().one(&format!("select d::text from read.documents d where document_id = '{id}'"));
    let published = house.published("document-events", &id, 4);
    let places: Vec<_> = published.iter().flat_map(parts).chain([row.into_bytes()]).collect();
    is_told_nowhere(&[&name, &text, &sha256], &places);

    let other = doctor.post("/v1/documents", &document(&name, &sha256)).expect(201).id();
    doctor.post(&format!("/v1/documents/{other}/verify-checksum"), &json!({ "sha256": "ab".repeat(32) })).expect(200);
    let life = ["CREATE DocumentRegistered", "UPDATE DocumentChecksumVerified", "UPDATE DocumentProcessingStarted"];
    assert_eq!(house.acts(&format!("resource={id}")), [&life[..], &["UPDATE DocumentProcessingCompleted"]].concat());
    let accesses = house.accesses(&patient);
    for told in ["GRANTED READ documents", "GRANTED SEARCH documents", "GRANTED SEARCH records"] {
        assert!(accesses.contains(&(doctor.account_id.clone(), told.to_owned())), "{told}: {accesses:?}");
    }
    assert_eq!(house.rules(&other), [("DocumentChecksumMismatched".to_owned(), "164.312(c)(1)".to_owned())]);
}

/// Training data; model and metadata → registry; inference → Redis → prediction; results → PostgreSQL → audit.
///
/// What is missing until files are stored: the model's own file. A version says where it lies, and its checksum.
#[test]
fn ai_data_processing_flow() {
    let (house, clinic, doctor, analyst) = (house(), house().clinic(), house().clinic().doctor(), house().clinic().role(Role::Analyst));
    let registered = clinic.register(&new_patient(&unique_name("Predicted")));
    let patient = registered.id();
    let training = analyst.get(&format!("/v1/streams/patient-events?from={}&limit=200", house.logged(&registered))).expect(200).text();
    assert!(training.contains("PatientRegistered") && !training.contains(&patient), "{training}");

    let (name, file) = (unique_name("Falls"), json!({ "file_path": "ai-models/trained-models/falls.onnx", "sha256": "ab".repeat(32) }));
    let version = json!({ "version": "1.0", "training_data_size": 128_450, "artifact": file });
    let model = analyst.post("/v1/models", &json!({ "name": name, "model_type": "CLASSIFICATION", "version": version })).expect(201).id();
    let (path, of_version) = (format!("/v1/models/{model}"), json!({ "version": "1.0" }));
    let evaluation = json!({ "accuracy_score": 0.9125, "metrics": [{ "name": "auroc", "value": 0.941 }], "dataset": "2025", "dataset_size": 31_200 });
    let answer = unique();
    let prediction = json!({ "model_id": model, "model_version": "1.0", "patient_id": patient, "input": { "age": 81, "gait": answer },
        "prediction": { "risk": answer }, "confidence": 0.87, "processing_time_ms": 14 });
    assert_eq!(doctor.post("/v1/predictions", &prediction).rule().as_deref(), Some("model_not_active"));
    analyst.post(&format!("{path}/record-evaluation"), &json!({ "version": "1.0", "evaluation": evaluation })).expect(200);
    let active = analyst.post(&format!("{path}/activate"), &of_version).expect(200);
    let shown = analyst.get_after(&path, &active.consistency()).expect(200).json();
    assert_eq!(
        ["name", "is_active", "accuracy_score", "training_data_size", "file_path"].map(|field| shown[field].clone()),
        [json!(name), json!(true), json!(0.9125), json!(128_450), json!("ai-models/trained-models/falls.onnx")]
    );

    let logged = doctor.post("/v1/predictions", &prediction).expect(201);
    doctor.get_after(&format!("/v1/predictions/{}", logged.id()), &logged.consistency()).expect(200);
    let question = json!({ "model_version": "1.0", "patient_id": patient, "input": prediction["input"] });
    let ask = || doctor.post(&format!("{path}/find-prediction"), &question);
    let first = ask().expect(200);
    let (key, row) = (format!(":ai:prediction:{model}:"), format!("prediction_id = '{}'", logged.id()));
    let again = house.answered_from_cache(&key, "read.prediction_logs", &row, ask);
    assert_eq!((&again.body, &again.json()["prediction"]), (&first.body, &json!({ "risk": answer })));
    let (_, held) = house.held(&key).unwrap();

    let insight = json!({ "patient_id": patient, "insight_type": "RISK_ASSESSMENT", "title": "May fall", "data": { "risk": answer },
        "confidence": 0.87, "model_name": name, "model_version": "1.0", "is_actionable": true });
    let generated = doctor.post("/v1/insights", &insight).expect(201);
    let told = doctor.get_after(&format!("/v1/insights/{}", generated.id()), &generated.consistency()).expect(200).json();
    assert_eq!((&told["title"], &told["data"]), (&json!("May fall"), &json!({ "risk": answer })));
    let published = [logged.id(), generated.id()].map(|id| house.published("ai-events", &id, 1)).concat();
    is_told_nowhere(&[&answer], &published.iter().flat_map(parts).chain([held]).collect::<Vec<_>>());

    let life = ["CREATE ModelRegistered", "UPDATE ModelVersionRegistered", "UPDATE ModelVersionEvaluated", "UPDATE ModelVersionActivated"];
    assert_eq!(house.acts(&format!("resource={model}")), life);
    assert_eq!(house.acts(&format!("resource={}", logged.id())), ["CREATE PredictionLogged"]);
    assert_eq!(house.acts(&format!("resource={}", generated.id())), ["CREATE InsightGenerated"]);
    let accesses = house.accesses(&patient);
    let asked = accesses.iter().filter(|(account, told)| *account == doctor.account_id && told.ends_with("predictions")).count();
    assert!(asked >= 4, "each answer is recorded, from wherever it came: {accesses:?}");
}

/// Business service → data access → data layer; rules → response to the client; audit and compliance.
#[test]
fn service_to_data_layer_integration() {
    let (house, clinic, doctor) = (house(), house().clinic(), house().clinic().doctor());
    let patient = clinic.new_patient();
    let note = unique_name("Cough");
    let record = |note: &str, date: &str| json!({ "patient_id": patient, "record_type": "CLINICAL_NOTE", "record_date": date, "title": "Visit", "notes": note });
    let events = || {
        clinic
            .server
            .database()
            .one::<i64>(&format!("select count(*) from journal.events where subject_id = '{patient}' and aggregate_type = 'record'"))
    };
    let wrong = doctor.post("/v1/records", &json!({ "record": record(&note, "yesterday") }));
    assert_eq!((wrong.problem(422), wrong.fields()), ("invalid-field".to_owned(), vec!["record.record_date".to_owned()]));
    assert_eq!(events(), 0, "nothing is written");

    let key = unique();
    let create = || {
        doctor.request("POST", "/v1/records").header("idempotency-key", &key).json(&json!({ "record": record(&note, "2024-05-01T08:00:00Z") })).send()
    };
    let created = create().expect(201);
    let (id, path) = (created.id(), format!("/v1/records/{}", created.id()));
    assert_eq!((created.json()["events"].clone(), created.must("etag")), (json!(["RecordCreated"]), "\"1\""));
    assert_eq!((create().expect(201).id(), events()), (id.clone(), 1), "asked twice, done once");
    let shown = doctor.get_after(&path, &created.consistency()).expect(200).json();
    assert_eq!((&shown["notes"], &shown["version"]), (&json!(note), &json!(1)));

    let amendment = json!({ "record": record(&format!("{note}, dry"), "2024-05-01T08:00:00Z"), "reason": "asked again" });
    let amend = |version: &str| doctor.request("POST", &format!("{path}/amend")).header("if-match", version).json(&amendment).send();
    let amended = amend("\"1\"").expect(200);
    assert_eq!(amend("\"1\"").status, 412, "who has seen an older one changes nothing");
    let shown = doctor.get_after(&path, &amended.consistency()).expect(200).json();
    assert_eq!((&shown["notes"], &shown["version"]), (&json!(format!("{note}, dry")), &json!(2)));
    let row: String = clinic.server.database().one(&format!("select r::text from read.medical_records r where record_id = '{id}'"));
    is_told_nowhere(&[&note], &[row.into_bytes()]);

    assert_eq!(house.acts(&format!("resource={id}")), ["CREATE RecordCreated", "UPDATE RecordAmended"]);
    let read = (doctor.account_id.clone(), "GRANTED READ records".to_owned());
    assert_eq!(house.accesses(&patient).into_iter().filter(|access| *access == read).count(), 2);
    assert_eq!(house.rules(&id), [("RecordAmended".to_owned(), "164.526".to_owned())]);
}

/// Lets the projector go on, however the test ends.
struct Frozen<'a>(&'a Apart);

impl<'a> Frozen<'a> {
    fn projector(apart: &'a Apart) -> Self {
        apart.freeze(Part::Project(1));
        Self(apart)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.resume(Part::Project(1));
    }
}

/// Service A → Kafka topic → service B; its data update and the notification.
#[test]
fn event_driven_communication_flow() {
    let (house, clinic, doctor) = (house(), house().clinic(), house().clinic().doctor());
    let family = unique_name("Driven");
    let registered = clinic.register(&new_patient(&family));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    let key = format!("health:patient:{id}:profile");
    let before = doctor.get_after(&path, &registered.consistency()).expect(200);
    until_cached(clinic, &house.redis, &path, &key);

    // while the consumer stands still, the service goes on and the event is kept
    let frozen = Frozen::projector(&house.apart);
    let contact = json!({ "phones": [{ "number": "+1 555 0004712" }] });
    let changed = clinic.staff().post(&format!("{path}/change-contact"), &contact).expect(200);
    let (token, position) = (changed.consistency(), house.logged(&changed));
    let records = house.published("patient-events", &id, 2);
    assert_eq!(records.iter().map(position_of).collect::<Vec<_>>(), [house.logged(&registered), position]);
    let value = records[1].payload().unwrap();
    assert!(value.starts_with(&[0]) && contains(&[value.to_vec()], &["PatientContactChanged".to_owned()]), "{value:?}");
    is_told_nowhere(&[&family, "0004712", "999-12-6789"], &records.iter().flat_map(parts).collect::<Vec<_>>());
    assert_eq!(doctor.get_once_after(&path, &token).problem(503), "unavailable");
    assert_eq!(doctor.get(&path).expect(200).body, before.body);
    assert!(!house.is_told(position));
    let cached = house.held(&key);
    assert!(cached.is_some());
    drop(frozen);

    eventually("the consumer has thrown out what was cached", SOON, || (house.held(&key) != cached).then_some(()));
    assert_eq!(number_in(&doctor.get_after(&path, &token).expect(200).json()), "+1 555 0004712");
    let rows = format!("select count(*) from read.patients where patient_id = '{id}' and position = {position}");
    assert_eq!(clinic.server.database().one::<i64>(&rows), 1, "the read model's row is of that event");
    eventually("who is to be told is told", SOON, || house.is_told(position).then_some(()));
    house.apart.expect_all_running();
}

/// One business action, streamed to consumers that work side by side: audit, cache, read model, notification.
#[test]
fn real_time_event_processing() {
    let (house, clinic, doctor) = (house(), house().clinic(), house().clinic().doctor());
    let registered = clinic.register(&new_patient(&unique_name("Streamed")));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    let key = format!("health:patient:{id}:profile");
    doctor.get_after(&path, &registered.consistency()).expect(200);
    until_cached(clinic, &house.redis, &path, &key);
    let (cached, from) = (house.held(&key), house.logged(&registered));
    let follow = || clinic.auditor().request("GET", &format!("/v1/streams/patient-events?follow=true&identified=true&from={from}"));
    let (mut lines, mut messages) = (follow().listen(), follow().header("accept", "text/event-stream").listen());

    let contact = json!({ "phones": [{ "number": "+1 555 0004713" }] });
    let changed = clinic.staff().post(&format!("{path}/change-contact"), &contact).expect(200);

    let event = eventually("the event comes", SOON, || {
        Some(lines.event(SOON)).filter(|event| event["eventType"] == "PatientContactChanged" && event["subjectId"] == *id)
    });
    let position = house.logged(&changed);
    assert_eq!((event["position"].as_u64(), &event["data"]["contact"]["phones"][0]["number"]), (Some(position), &json!("+1 555 0004713")));
    let beginning = format!("id: {position}\n");
    let message = eventually("the message comes", SOON, || messages.next("\n\n", SOON).filter(|message| message.starts_with(&beginning)));
    let data = message.split_once("data: ").unwrap().1;
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), event, "in both forms");

    eventually("the cache", SOON, || (house.held(&key) != cached).then_some(()));
    eventually("the notification", SOON, || house.is_told(position).then_some(()));
    assert_eq!(number_in(&doctor.get_after(&path, &changed.consistency()).expect(200).json()), "+1 555 0004713");
    assert_eq!(house.acts(&format!("resource={id}")), ["CREATE PatientRegistered", "UPDATE PatientContactChanged"]);
    let records = house.published("patient-events", &id, 2);
    assert_eq!(records.iter().map(position_of).collect::<Vec<_>>(), [from, position]);
    let auditor = (clinic.auditor().account_id, "GRANTED REPLAY streams/patient-events".to_owned());
    assert!(house.accesses(&id).contains(&auditor), "what was streamed is recorded: {:?}", house.accesses(&id));
}
