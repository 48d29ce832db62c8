use std::collections::BTreeSet;
use std::path::Path;

use anamnesis_journal::testing::TestDatabase;
use anamnesis_loops::{Condition, LoopState};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::*;

const SOON: Duration = Duration::from_mins(1);
/// It can't tell of itself that it is dead; that nobody answers does.
const ANSWERS: &str = "HTTP server";

fn config(database: &TestDatabase, folder: &Path) -> Config {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} must say where the test's Kafka and registry are"));
    let kafka = KafkaSettings {
        brokers: variable("ANAMNESIS_TEST_KAFKA_BROKERS"),
        schema_registry_url: variable("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL"),
        topic_prefix: format!("t{}-", Uuid::new_v4().simple()),
        replication_factor: 1,
        ..KafkaSettings::default()
    };
    let listen = ([127, 0, 0, 1], 0).into();
    Config { data_dir: folder.join("data"), database_url: Some(database.url().into()), listen, kafka: Some(kafka), ..Config::default() }
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default()))
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let come = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, come).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// Each kind of loop once, the innermost first: some end with the one that they were started by.
fn one_of_each(states: Vec<LoopState>) -> Vec<String> {
    let mut kinds = BTreeSet::new();
    states.into_iter().rev().map(|state| state.kind().to_owned()).filter(|kind| kinds.insert(kind.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_loop_is_killed_readiness_names_it_and_the_process_ends() {
    let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().unwrap());
    let config = config(&database, folder.path());
    let installation = Installation::open(&config, &database.url().into()).await.unwrap();
    installation.first_organization(&config).await.unwrap();
    let (runtime, address) = Runtime::start(&config, &installation).await.unwrap();
    let (loops, ready) = (&installation.loops, async || ask(address, "/health/ready").await.unwrap());
    eventually("everything is ready", async || ready().await.0 == 200).await;
    assert_eq!(ask(address, "/health/live").await.unwrap().0, 200);

    let kinds = one_of_each(loops.states());
    assert!(kinds.len() > 12 && kinds.iter().any(|kind| kind == "lane") && kinds.iter().any(|kind| kind == "reconciler"), "{kinds:?}");
    for kind in kinds.iter().filter(|kind| *kind != ANSWERS) {
        let alive = loops.states().into_iter().rev().find(|state| state.kind() == kind && state.condition == Condition::Alive);
        let name = alive.unwrap_or_else(|| panic!("no {kind} is alive any more")).name;
        loops.break_down(&name);
        let red = format!("loop {name}");
        eventually(&red, async || {
            let (status, told) = ready().await;
            let told = told["dependencies"].as_array().unwrap().iter().find(|told| told["name"] == *red).cloned();
            status == 503 && told.is_some_and(|told| told["is_well"] == false && told["state"] == "is dead")
        })
        .await;
    }
    assert_eq!(ask(address, "/health/live").await.unwrap().0, 503, "who runs it is to start it anew");
    loops.break_down(ANSWERS);
    eventually("nobody answers", async || ask(address, "/health/live").await.is_err()).await;
    let ended = timeout(SOON, runtime.run_to_the_end()).await.unwrap().unwrap_err();
    assert!(format!("{ended:#}").contains("died"), "{ended:#}");
}

/// A task that isn't among the loops dies unseen.
#[test]
fn whatever_is_started_is_a_loop_or_ends_with_its_work() {
    // with what it does: all of them end by themselves, and whoever started them hears of it or needn't
    let end_with_their_work = [
        ("crates/journal/src/snapshot.rs", "one snapshot"),
        ("crates/journal/src/verify/entries.rs", "one chunk of a verification"),
        ("crates/projector/src/filling.rs", "the parts of one rebuild"),
        ("crates/loops/src/lib.rs", "every loop"),
    ];
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut started = BTreeSet::new();
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if entry.is_dir() {
                folders.push(entry);
            } else if name.contains("/src/") && !name.contains("/bench/") && !name.contains("tests") && name.ends_with(".rs") {
                let is_started = std::fs::read_to_string(&entry).unwrap().contains("tokio::spawn(");
                started.extend(is_started.then_some(name));
            }
        }
    }
    let listed: BTreeSet<_> = end_with_their_work.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(started, listed, "start what goes on for ever with Loops::spawn; list here what ends with its work");
}
