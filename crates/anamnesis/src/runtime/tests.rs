use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anamnesis_journal::testing::TestDatabase;
use anamnesis_loops::{Condition, LoopState};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::*;
use crate::installation::Database;

const SOON: Duration = Duration::from_mins(1);
/// It can't tell of itself that it is dead; that nobody answers does.
const ANSWERS: &str = "HTTP server";
const TELLS: &str = "metrics";

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
    let (data_dir, database_url) = (folder.join("data"), Some(database.url().into()));
    // nobody is told anything: no event happens that anybody is to be told of
    let (webhook_url, webhook_secret) = (Some("http://127.0.0.1:9/".into()), Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()));
    Config {
        data_dir,
        database_url,
        listen,
        metrics_listen: free_port(),
        kafka: Some(kafka),
        canary_every_ms: 500,
        webhook_url,
        webhook_secret,
        ..Config::default()
    }
}

/// Where nobody listens, a moment ago.
fn free_port() -> SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, Value)> {
    let (status, body) = fetch(address, path, "").await?;
    Ok((status, serde_json::from_str(&body).unwrap_or_default()))
}

/// With more lines of the request's head.
async fn fetch(address: SocketAddr, path: &str, head: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n{head}\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head[9..12].parse().unwrap(), body.to_owned()))
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
    for kind in kinds.iter().filter(|kind| ![ANSWERS, TELLS].contains(&kind.as_str())) {
        let of_its_kind = || loops.states().into_iter().rev().filter(|state| state.kind() == kind);
        // some go with those that they started, or were started by
        let dying = of_its_kind().find(|state| state.condition == Condition::Alive).or_else(|| of_its_kind().next());
        let name = dying.unwrap_or_else(|| panic!("nobody misses the {kind}")).name;
        loops.break_down(&name);
        let red = format!("loop {name}");
        eventually(&red, async || {
            let (status, told) = ready().await;
            let told = told["dependencies"].as_array().unwrap().iter().find(|told| told["name"] == *red).cloned();
            status == 503 && told.is_some_and(|told| told["is_well"] == false && told["state"] == "is dead")
        })
        .await;
    }
    for address in [address, config.metrics_listen] {
        assert_eq!(ask(address, "/health/live").await.unwrap().0, 503, "who runs it is to start it anew");
    }
    loops.break_down(TELLS);
    eventually("nobody tells", async || ask(config.metrics_listen, "/health/live").await.is_err()).await;
    // its socket is closed before its end is known
    eventually("it is known who doesn't", async || loops.unwell().iter().any(|unwell| unwell.name == TELLS)).await;
    loops.break_down(ANSWERS);
    eventually("nobody answers", async || ask(address, "/health/live").await.is_err()).await;
    let ended = timeout(SOON, runtime.run_to_the_end()).await.unwrap().unwrap_err();
    assert!(format!("{ended:#}").contains("died"), "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_our_own_postgres_up_is_watched_and_what_is_only_late_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        Config { data_dir: folder.path().join("data"), listen: ([127, 0, 0, 1], 0).into(), metrics_listen: free_port(), ..Config::default() };
    let database = Database::own(&config).await.unwrap();
    let installation = Installation::open_watched(&config, &database.url, database.loops.clone()).await.unwrap();
    installation.first_organization(&config).await.unwrap();
    let (mut runtime, address) = Runtime::start(&config, &installation).await.unwrap();
    let told = async |name: &str| {
        let (status, told) = ask(address, "/health/ready").await.unwrap();
        let state = told["dependencies"].as_array().unwrap().iter().find(|told| told["name"] == *name).map(|told| told["state"].clone());
        (status, state)
    };
    eventually("everything is ready", async || told("loops").await == (200, Some("go on".into()))).await;

    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn("slow one", Duration::from_secs(1), |pulse, shutdown| async move {
        let _ = goes.await;
        while !shutdown.is_cancelled() {
            pulse.beat();
            sleep(Duration::from_millis(20)).await;
        }
    });
    eventually("it is told that it is stuck", async || told("loop slow one").await == (503, Some("is stuck".into()))).await;
    let live = ask(address, "/health/live").await.unwrap();
    assert_eq!((live.0, &live.1["broken"]), (503, &serde_json::json!(["slow one"])));
    let stuck = "anamnesis_loops{loop=\"slow one\",condition=\"stuck\"} 1.0\n";
    assert!(fetch(config.metrics_listen, "/metrics", "").await.unwrap().1.contains(stuck));
    assert!(timeout(Duration::from_millis(300), installation.loops.died()).await.is_err(), "the process goes on");
    go.send(()).unwrap();
    eventually("it goes on", async || ask(address, "/health/live").await.unwrap().0 == 200).await;

    let supervisor = "postgres supervisor";
    let metric = format!("anamnesis_loops{{loop=\"{supervisor}\",condition=\"alive\"}} 1.0\n");
    assert!(fetch(config.metrics_listen, "/metrics", "").await.unwrap().1.contains(&metric));
    installation.loops.break_down(supervisor);
    let red = format!("loop {supervisor}");
    eventually("it is told that it is dead", async || told(&red).await == (503, Some("is dead".into()))).await;
    let ended = timeout(SOON, runtime.run_to_the_end()).await.unwrap().unwrap_err();
    assert!(format!("{ended:#}").contains("the postgres supervisor died"), "{ended:#}");
    // what it kept up goes on without it, and whoever starts next adopts it
    assert!(database.close().await.is_err());
    Database::own(&config).await.unwrap().close().await.unwrap();
}

/// The metrics' names with their labels, and their values.
fn read(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_is_measured_up_to_the_canary_that_comes_through_kafka_and_all_is_documented() {
    let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().unwrap());
    let mut config = config(&database, folder.path());
    config.metrics_token = Some("open sesame".into());
    config.kafka.as_mut().unwrap().verify_every_ms = 500;
    let installation = Installation::open(&config, &database.url().into()).await.unwrap();
    installation.first_organization(&config).await.unwrap();
    let (_runtime, address) = Runtime::start(&config, &installation).await.unwrap();
    eventually("everything is ready", async || ask(address, "/health/ready").await.unwrap().0 == 200).await;
    assert_eq!(ask(address, "/v1/patients/0198c0de-0000-7000-8000-000000000001").await.unwrap().0, 401);

    let metrics_at = config.metrics_listen;
    for head in ["", "Authorization: Bearer guessed\r\n"] {
        assert_eq!(fetch(metrics_at, "/metrics", head).await.unwrap(), (401, String::new()));
    }
    let told = async || fetch(metrics_at, "/metrics", "Authorization: Bearer open sesame\r\n").await.unwrap().1;
    let is_through = |told: &BTreeMap<String, f64>| {
        told.get("anamnesis_canary_latency_seconds_count{stage=\"visible\"}").is_some_and(|count| *count >= 3.0)
            && told["anamnesis_publication_verified_position"] > 0.0
    };
    eventually("canaries come through", async || is_through(&read(&told().await))).await;
    let text = told().await;
    let told = read(&text);
    let latency = |stage: &str| told[&format!("anamnesis_canary_latency_seconds_sum{{stage=\"{stage}\"}}")];
    assert!(latency("logged") < latency("visible") && latency("published") > 0.0, "{text}");
    assert!(told["anamnesis_canary_age_seconds"] < 10.0 && told["anamnesis_database_up"] > 0.0, "{text}");
    assert_eq!((told["anamnesis_log_gap"], told["anamnesis_publication_findings"]), (0.0, 0.0));
    assert_eq!((told["anamnesis_leads{lease=\"log\"}"], told["anamnesis_leads{lease=\"publication\"}"]), (1.0, 1.0));
    assert!(text.contains("anamnesis_loops{loop=\"sequencer\",condition=\"alive\"} 1.0\n"), "{text}");
    assert!(told["anamnesis_append_commands_total"] >= told["anamnesis_append_statements_total"]);
    assert!(told["anamnesis_projection_events_total{projection=\"audit_logs\"}"] > 0.0);
    let requests = "anamnesis_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/patients/{id}\",status=\"401\"}";
    assert!(text.contains(&format!("{requests} 1\n")), "{text}");
    for projection in anamnesis_projections::ALL {
        let of_it = |metric: &str| told[&format!("anamnesis_projection_{metric}{{projection=\"{}\"}}", projection.name)];
        assert!(of_it("reached_position") > 0.0 && of_it("lag_seconds") < 60.0, "{text}");
        assert_eq!((of_it("parked_streams"), of_it("stands_still")), (0.0, 0.0));
    }
    let rows: i64 =
        sqlx::query_scalar("select count(*) from audit.audit_logs where resource_type = 'system'").fetch_one(&database.superuser()).await.unwrap();
    assert_eq!(rows, 0, "nobody did anything");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md")).unwrap();
    let metrics: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let missing: Vec<_> = metrics.iter().filter(|metric| !page.contains(&format!("| `{metric}"))).collect();
    assert!(metrics.len() > 20 && missing.is_empty(), "docs/operations.md has no line for {missing:?}");
    let rules = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/alerts.yml")).unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("anamnesis_"));
    let unknown: Vec<_> = words.filter(|word| !metrics.iter().any(|metric| word.starts_with(metric))).collect();
    assert_eq!(unknown, Vec::<&str>::new(), "docs/examples/alerts.yml asks for what isn't measured");
}

/// A task that isn't among the loops dies unseen.
#[test]
fn whatever_is_started_is_a_loop_or_ends_with_its_work() {
    // with what they start: it ends by itself, and whoever started it hears of that or needn't
    let end_with_their_work = [
        ("crates/anamnesis/src/serving.rs", "one connection"),
        ("crates/anamnesis/src/postgres/cluster.rs", "a server's process"),
        ("crates/anamnesis/src/postgres/mod.rs", "the same, for the first time"),
        ("crates/anamnesis/src/postgres/supervisor.rs", "the same, whenever it has died"),
        ("crates/journal/src/append/appender.rs", "one statement"),
        ("crates/journal/src/snapshot.rs", "one snapshot"),
        ("crates/journal/src/transaction.rs", "the beginning of one transaction, rolled back"),
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
            } else if name.contains("/src/") && !["/bench/", "test"].iter().any(|other| name.contains(other)) {
                // those are loops; what else is started is one if it is a method of the runtime
                let source = std::fs::read_to_string(&entry).unwrap_or_default().replace("loops.spawn(", "").replace("self.spawn(", "");
                started.extend((source.contains("tokio::spawn(") || source.contains(".spawn(")).then_some(name));
            }
        }
    }
    let listed: BTreeSet<_> = end_with_their_work.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(started, listed, "start what goes on for ever with Loops::spawn; list here what ends with its work");
}
