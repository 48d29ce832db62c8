//! Can nothing be decoded under a wrong schema, whatever the registry does?

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anamnesis_stream::{KafkaSettings, PublisherHealth, Topic, TopicPartition};
use rdkafka::message::Message as _;
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
            ("POST", ["subjects", _, "versions"]) => {
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

/// With the registry of the stack: whoever decodes by id finds the envelope.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_in_front_of_a_record_leads_to_its_schema() {
    let world = World::new().await;
    world.append(8).await;
    world.publish_all().await;
    let record = world.records().into_values().next().unwrap().remove(0);
    let id = u32::from_be_bytes(record.payload().unwrap()[1..5].try_into().unwrap());
    let get = async |path: String| -> Value {
        let answer = reqwest::get(format!("{}{path}", world.kafka.schema_registry_url)).await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    let schema: Value = serde_json::from_str(get(format!("/schemas/ids/{id}")).await["schema"].as_str().unwrap()).unwrap();
    assert_eq!((&schema["name"], &schema["namespace"]), (&json!("Envelope"), &json!("anamnesis.kafka")));
    let subject = format!("{}patient-events-value", world.kafka.topic_prefix);
    assert_eq!(get(format!("/config/{subject}")).await["compatibilityLevel"], "FULL_TRANSITIVE");
    let inner = get("/subjects/anamnesis.consent.ConsentGranted.v1/versions/latest".to_owned()).await;
    assert!(inner["schema"].as_str().unwrap().contains("anamnesis.consent"));
    assert!(TopicPartition::all().all(|partition| partition.topic != Topic::LogHeads));
}
