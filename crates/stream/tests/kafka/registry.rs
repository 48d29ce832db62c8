//! Can nothing be decoded under a wrong schema, whatever the registry does?

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anamnesis_codec::envelope_schema;
use anamnesis_journal::Role;
use anamnesis_stream::{EVENT_TOPICS, KafkaSettings, PublisherHealth, RegistryError, Topic, TopicPartition, examine_registry};
use rdkafka::message::{Message as _, OwnedMessage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{SOON, World};

/// A registry that can forget, hand out other ids, and be away: as much of the Confluent API as a registry's ids need.
#[derive(Clone, Default)]
struct Forgetful(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    schemas: Vec<String>,
    compatibility: HashMap<String, String>,
    away: bool,
}

impl Forgetful {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(this.clone().serve(stream));
            }
        });
        url
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut request = vec![];
        let (head, body) = loop {
            let mut part = [0; 16_384];
            let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
            request.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let mut words = head.split(' ');
        let (status, answer) = self.answer(words.next()?, words.next()?, &body);
        let answer = answer.to_string();
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}", answer.len());
        stream.write_all(response.as_bytes()).await.ok()
    }

    fn answer(&self, method: &str, path: &str, body: &str) -> (&'static str, Value) {
        let mut memory = self.0.lock().unwrap();
        if memory.away {
            return ("503 Service Unavailable", json!({"error_code": 50_301, "message": "away"}));
        }
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let path = path.split('?').next().unwrap();
        match (method, path.split('/').skip(1).collect::<Vec<_>>().as_slice()) {
            ("POST", ["compatibility", "subjects", _, "versions"]) => ("200 OK", json!({"is_compatible": true})),
            ("POST", ["subjects", subject, "versions"]) => {
                assert!(!subject.ends_with("-value") || memory.compatibility.contains_key(*subject), "{subject}: first it must want compatibility");
                let schema = body["schema"].as_str().unwrap().to_owned();
                let known = memory.schemas.iter().position(|known| *known == schema);
                let id = known.unwrap_or_else(|| {
                    memory.schemas.push(schema);
                    memory.schemas.len() - 1
                });
                ("200 OK", json!({"id": id + 1}))
            }
            ("GET", ["schemas", "ids", id]) => match memory.schemas.get(id.parse::<usize>().unwrap() - 1) {
                Some(schema) => ("200 OK", json!({"schema": schema})),
                None => ("404 Not Found", json!({"error_code": 40_403, "message": "Schema not found"})),
            },
            ("PUT", ["config", subject]) => {
                memory.compatibility.insert((*subject).to_owned(), body["compatibility"].as_str().unwrap().to_owned());
                ("200 OK", body)
            }
            other => panic!("nobody should ask for {other:?}"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.0.lock().unwrap());
    }

    fn schemas(&self) -> Vec<String> {
        self.0.lock().unwrap().schemas.clone()
    }
}

async fn told(health: impl Fn() -> PublisherHealth, condition: impl Fn(&PublisherHealth) -> bool) -> PublisherHealth {
    let told = async {
        while !condition(&health()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        health()
    };
    tokio::time::timeout(SOON, told).await.unwrap_or_else(|_| panic!("{:?}", health()))
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_goes_on_without_the_registry_and_never_under_other_ids() {
    let mut world = World::new().await;
    let registry = Forgetful::default();
    world.kafka = KafkaSettings { schema_registry_url: registry.start().await, ..world.kafka.clone() };
    registry.change(|memory| memory.away = true);
    world.append(4).await;

    // it was never asked before: nothing may be written under an id that nobody gave
    let (publisher, publishing) = world.publish();
    let health = told(|| publisher.health(), |health| health.problem.is_some()).await;
    assert!(health.problem.unwrap().contains("schema registry doesn't answer"));
    registry.change(|memory| memory.away = false);
    assert!(publisher.published(4, SOON).await);
    let before = registry.schemas();
    let compatibility = registry.0.lock().unwrap().compatibility.clone();
    assert_eq!(compatibility[&format!("{}patient-events-value", world.kafka.topic_prefix)], "FULL_TRANSITIVE");

    // restarted empty: it is filled again in the same order, so every id is what it was
    registry.change(|memory| memory.schemas.clear());
    told(|| publisher.health(), |_| registry.schemas().len() == before.len()).await;
    assert_eq!(registry.schemas(), before);

    // away: the ids are known
    registry.change(|memory| memory.away = true);
    world.append(4).await;
    assert!(publisher.published(8, SOON).await);
    drop(publishing);
    world.append(4).await;
    world.publish_all().await;

    // it gives our ids to somebody else's schemas
    registry.change(|memory| (memory.away, memory.schemas) = (false, vec![r#""string""#.to_owned()]));
    world.append(4).await;
    let (publisher, _publishing) = world.publish();
    let health = told(|| publisher.health(), |health| health.problem.is_some()).await;
    let problem = health.problem.unwrap();
    assert!(problem.contains("under id 2, but records were written under id 1"), "{problem}");
    assert!(health.position < 16);
    world.assert_each_once_and_in_order(12);
}

/// The registry of the stack.
struct Stacks(String);

impl Stacks {
    fn of(world: &World) -> Self {
        Self(world.kafka.schema_registry_url.clone())
    }

    async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}/{path}", self.0)).await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// As somebody else would, who wants nothing of versions.
    async fn register(&self, subject: &str, schema: &str) -> i32 {
        let http = reqwest::Client::new();
        let registering = http.post(format!("{}/subjects/{subject}/versions", self.0)).json(&json!({ "schema": schema }));
        let answer = registering.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
        let demanding = http.put(format!("{}/config/{subject}", self.0)).json(&json!({"compatibility": "NONE"}));
        demanding.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()["id"].as_i64().unwrap().try_into().unwrap()
    }
}

fn subjects(world: &World) -> Vec<String> {
    EVENT_TOPICS.iter().map(|topic| format!("{}{}-value", world.kafka.topic_prefix, topic.name())).collect()
}

async fn recorded(world: &World, subject: &str) -> Vec<(i32, Vec<u8>)> {
    let sql = "select schema_id, fingerprint from journal.registered_schemas where subject = $1 order by ordinal";
    sqlx::query_as(sql).bind(subject).fetch_all(&world.database.pool(Role::Writer)).await.unwrap()
}

fn id_of(record: &OwnedMessage) -> i32 {
    i32::from_be_bytes(record.payload().unwrap()[1..5].try_into().unwrap())
}

/// The envelope without one field.
fn envelope_without(field: &str) -> String {
    let mut schema: Value = serde_json::from_str(envelope_schema().source).unwrap();
    schema["fields"].as_array_mut().unwrap().retain(|known| known["name"] != field);
    schema.to_string()
}

/// With the registry of the stack: whoever decodes by id finds the envelope.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_in_front_of_a_record_leads_to_its_schema() {
    let world = World::new().await;
    world.append(8).await;
    world.publish_all().await;
    let (registry, subject) = (Stacks::of(&world), subjects(&world).remove(0));
    let id = id_of(&world.records().into_values().next().unwrap().remove(0));
    let schema: Value = serde_json::from_str(registry.get(&format!("schemas/ids/{id}")).await["schema"].as_str().unwrap()).unwrap();
    assert_eq!((&schema["name"], &schema["namespace"]), (&json!("Envelope"), &json!("anamnesis.kafka")));
    assert_eq!(registry.get(&format!("config/{subject}")).await["compatibilityLevel"], "FULL_TRANSITIVE");
    let inner = registry.get("subjects/anamnesis.consent.ConsentGranted.v1/versions/latest").await;
    assert!(inner["schema"].as_str().unwrap().contains("anamnesis.consent"));
    assert!(TopicPartition::all().all(|partition| partition.topic != Topic::LogHeads));
}

/// A subject that has another envelope already: one that has lost a field which this build reads, one with a field that this
/// build has lost, one whose field has another type.
#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_that_does_not_go_with_an_earlier_one_is_refused_by_its_field() {
    let ours = envelope_schema().source;
    let other_type = ours.replace(r#""name": "sequence", "type": "long""#, r#""name": "sequence", "type": "string""#);
    let one_more = ours.replacen(r#""fields": ["#, r#""fields": [{"name": "ward", "type": "string"}, "#, 1);
    for (field, earlier) in [("source", envelope_without("source")), ("ward", one_more), ("sequence", other_type)] {
        let world = World::new().await;
        let (registry, subject) = (Stacks::of(&world), subjects(&world).remove(0));
        registry.register(&subject, &earlier).await;
        world.append(4).await;

        let (publisher, publishing) = world.publish();
        let health = told(|| publisher.health(), |health| health.problem.is_some()).await;
        drop(publishing);
        for problem in [health.problem.unwrap(), health.registry_problem.unwrap()] {
            assert!(problem.contains(&subject) && problem.contains(&format!("because of the field `{field}`.")), "{problem}");
        }
        assert_eq!((health.position, world.records().len()), (0, 0), "{field}");
        assert_eq!(registry.get(&format!("subjects/{subject}/versions")).await, json!([1]), "{field}");
        assert_eq!(recorded(&world, &subject).await, []);

        // whoever examines it is told the same
        let examined = examine_registry(&world.kafka, &world.database.pool(Role::Writer)).await;
        let Err(RegistryError::Incompatible { subject: refused, fields, .. }) = examined else { panic!("{examined:?}") };
        assert_eq!((refused, fields), (subject, vec![field.to_owned()]));
    }
}

/// As when a build comes whose envelope has a field more than that of the build before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_that_has_grown_is_another_version_with_an_id_of_its_own() {
    let world = World::new().await;
    let registry = Stacks::of(&world);
    let (earlier, fingerprint) = (envelope_without("sealedMetadata"), [7_u8; 8]);
    let mut before = vec![];
    for subject in subjects(&world) {
        let id = registry.register(&subject, &earlier).await;
        let sql = "insert into journal.registered_schemas (subject, schema_id, fingerprint) values ($1, $2, $3)";
        sqlx::query(sql).bind(&subject).bind(id).bind(&fingerprint[..]).execute(&world.database.pool(Role::Writer)).await.unwrap();
        before.push(id);
    }
    let pool = world.database.pool(Role::Writer);
    assert_eq!(examine_registry(&world.kafka, &pool).await.unwrap(), None);

    world.append(8).await;
    world.publish_all().await;
    for (subject, earlier) in subjects(&world).iter().zip(before) {
        assert_eq!(registry.get(&format!("subjects/{subject}/versions")).await, json!([1, 2]));
        assert_eq!(registry.get(&format!("config/{subject}")).await["compatibilityLevel"], "FULL_TRANSITIVE");
        let [(first, of_first), (second, of_second)] = recorded(&world, subject).await.try_into().unwrap();
        assert_eq!((first, of_first), (earlier, fingerprint.to_vec()));
        assert!(second != first && of_second == envelope_schema().fingerprint);
        assert!(world.records().values().flatten().all(|record| id_of(record) != first));
    }
    assert_eq!(examine_registry(&world.kafka, &pool).await.unwrap(), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_was_recorded_for_another_schema_is_not_written() {
    let mut world = World::new().await;
    world.append(4).await;
    world.publish_all().await;
    let pool = world.database.superuser();
    let of_another = async |subjects: &str| {
        let sql = "update journal.registered_schemas set fingerprint = $2 where subject like $1";
        assert!(sqlx::query(sql).bind(subjects).bind(&[7_u8; 8][..]).execute(&pool).await.unwrap().rows_affected() > 0);
    };
    of_another("%-events-value").await;
    world.append(4).await;

    // the registry is away, and what is known is of another envelope: it waits
    let there = std::mem::replace(&mut world.kafka.schema_registry_url, "http://127.0.0.1:1".to_owned());
    let (publisher, publishing) = world.publish();
    let health = told(|| publisher.health(), |health| health.failures > 1).await;
    assert!(health.problem.unwrap().contains("schema registry doesn't answer"));
    world.assert_each_once_and_in_order(4);
    drop(publishing);

    // as soon as it can be asked, the id is found out anew
    world.kafka.schema_registry_url = there;
    world.publish_all().await;
    world.assert_each_once_and_in_order(8);

    // what is inside has a subject a version: there can't be another schema
    of_another("anamnesis.consent.ConsentGranted.v1").await;
    world.append(4).await;
    let (publisher, _publishing) = world.publish();
    let health = told(|| publisher.health(), |health| health.problem.is_some()).await;
    assert!(health.problem.unwrap().starts_with("anamnesis.consent.ConsentGranted.v1 was registered with another schema"));
    world.assert_each_once_and_in_order(8);
}
