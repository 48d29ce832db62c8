//! Are the servers of `./dev stack` the same natively and in Docker?
//!
//! Settings stand in files that both read. What must be written twice is compared here, and the servers that run for the
//! tests are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anamnesis_tests::{Client, unique};
use serde_json::json;

/// Files in `stack/` that are no service.
const NO_SERVICES: [&str; 4] = ["stack", "java", "process", "newest_postgres"];

#[test]
fn the_services_are_the_same_natively_and_in_docker() {
    let listed = text("stack/stack.sh");
    let listed = listed.lines().find_map(|line| line.strip_prefix("readonly SERVICES=(")?.strip_suffix(')')).unwrap();
    let native: BTreeSet<String> = listed.split(' ').map(str::to_owned).collect();
    let files = fs::read_dir(root().join("stack")).unwrap().map(|entry| entry.unwrap().path());
    let scripts = files.filter(|path| path.extension().is_some_and(|extension| extension == "sh"));
    let scripts: BTreeSet<String> = scripts.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let scripts: BTreeSet<String> = scripts.into_iter().filter(|name| !NO_SERVICES.contains(&name.as_str())).collect();
    assert_eq!(native, scripts, "SERVICES in stack/stack.sh, and the files in stack/");
    assert_eq!(native, services().into_keys().collect(), "SERVICES in stack/stack.sh, and the services in docker-compose.yml");
}

#[test]
fn docker_runs_the_versions_that_maven_has() {
    let pom = text("stack/pom.xml");
    let version = |name: &str| pom.split(&format!("<{name}.version>")).nth(1).unwrap().split('<').next().unwrap().to_owned();
    for service in ["kafka", "registry"] {
        assert_eq!(tag(&services()[service]), version(service), "{service} in docker-compose.yml, and in stack/pom.xml");
    }
}

#[test]
fn every_image_is_pinned_and_every_service_has_a_health_check() {
    for (name, service) in services() {
        assert!(tag(&service).starts_with(|first: char| first.is_ascii_digit()), "pin the image of {name} in docker-compose.yml");
        assert!(service.contains("\n    healthcheck:\n      test: "), "{name} in docker-compose.yml has no health check");
    }
}

#[test]
fn nothing_of_docker_is_reached_from_another_machine() {
    for (name, service) in services() {
        let ports = service.split("\n    ports:\n").nth(1).unwrap();
        let ports: Vec<&str> = ports.lines().map_while(|line| line.strip_prefix("      - ")).collect();
        assert!(!ports.is_empty(), "{name} in docker-compose.yml has no port");
        assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:${ANAMNESIS_STACK_")), "{name} in docker-compose.yml: {ports:?}");
    }
}

#[test]
fn docker_takes_the_ports_and_passwords_that_the_stack_chose() {
    for (name, service) in services() {
        let script = text(&format!("stack/{name}.sh"));
        assert_eq!(variables(&script), variables(&service), "stack/{name}.sh, and {name} in docker-compose.yml");
    }
}

#[test]
fn settings_stand_in_one_file_that_both_read() {
    for (service, file) in [("postgres", "postgresql.conf"), ("kafka", "kafka.env"), ("registry", "registry.env"), ("redis", "redis.conf")] {
        assert!(root().join("stack").join(file).is_file(), "stack/{file} is gone");
        assert!(services()[service].contains(&format!("stack/{file}")), "{service} in docker-compose.yml doesn't read stack/{file}");
        assert!(text(&format!("stack/{service}.sh")).contains(file), "stack/{service}.sh doesn't read stack/{file}");
    }
    // initdb has no file: what it is told stands in both
    let compose = text("docker-compose.yml");
    let in_docker = compose.split("POSTGRES_INITDB_ARGS: ").nth(1).unwrap().lines().next().unwrap();
    for argument in in_docker.split(' ') {
        assert!(text("stack/postgres.sh").contains(argument), "stack/postgres.sh tells initdb nothing of {argument}");
    }
}

/// Listeners differ by nature, and nothing else may: what one engine sets beyond the shared file, the other sets too.
#[test]
fn kafka_differs_in_values_only() {
    let compose = services().remove("kafka").unwrap();
    let script = text("stack/kafka.sh");
    let in_docker = compose.lines().filter_map(|line| line.trim().strip_prefix("KAFKA_")?.split_once(": "));
    let in_docker: BTreeSet<String> = in_docker.map(|(name, _)| name.to_lowercase().replace('_', ".")).collect();
    let native = script.split("<<END_OF_PROPERTIES\n").nth(1).unwrap().split("\nEND_OF_PROPERTIES").next().unwrap();
    let native: BTreeSet<String> = native.lines().map(|line| line.split_once('=').unwrap().0.to_owned()).collect();
    assert_eq!(in_docker, native);
}

#[test]
fn the_registry_refuses_what_old_readers_cannot_read() {
    let registry = Client::new(&variable("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL"));
    assert_eq!(registry.get("/config").expect(200).json()["compatibilityLevel"], "FULL_TRANSITIVE");

    let versions = format!("/subjects/{}/versions", unique());
    let register = |fields: &str| {
        let schema = format!(r#"{{"type":"record","name":"Tried","fields":[{fields}]}}"#);
        registry.post(&versions, &json!({ "schema": schema })).status
    };
    assert_eq!(register(r#"{"name":"a","type":"string"}"#), 200);
    assert_eq!(register(r#"{"name":"a","type":"string"},{"name":"b","type":"int"}"#), 409, "new readers can't read the old");
    assert_eq!(register(r#"{"name":"a","type":"int"}"#), 409);
    assert_eq!(register(r#"{"name":"a","type":"string"},{"name":"b","type":"int","default":0}"#), 200);
}

#[test]
fn redis_answers_nobody_without_the_password() {
    let url = variable("ANAMNESIS_TEST_REDIS_URL");
    let (credentials, address) = url.strip_prefix("redis://default:").unwrap().split_once('@').unwrap();
    let address = address.split('/').next().unwrap();
    assert!(redis(address, "PING").starts_with("-NOAUTH"));
    assert!(redis(address, &format!("AUTH {credentials}\r\nPING")).starts_with("+OK\r\n+PONG"));
}

#[test]
fn kafka_answers() {
    for broker in variable("ANAMNESIS_TEST_KAFKA_BROKERS").split(',') {
        let mut connection = TcpStream::connect(broker).unwrap();
        // ApiVersions, version 0, correlation 7, no client id: what every client asks first
        connection.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).unwrap();
        let mut answer = [0; 10];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(answer[4..], [0, 0, 0, 7, 0, 0], "the correlation, and no error");
    }
}

fn redis(address: &str, commands: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(format!("{commands}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `./dev stack up`, then `eval \"$(./dev stack env)\"`"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The services of docker-compose.yml, each as it is written there.
fn services() -> BTreeMap<String, String> {
    let compose = text("docker-compose.yml");
    let section = compose.split("\nservices:\n").nth(1).unwrap().split("\nvolumes:\n").next().unwrap();
    let mut services = BTreeMap::<String, String>::new();
    let mut service = String::new();
    for line in section.lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).and_then(|line| line.strip_suffix(':')) {
            name.clone_into(&mut service);
        }
        let written = services.entry(service.clone()).or_default();
        written.push_str(line);
        written.push('\n');
    }
    services
}

/// The version in the name of its image.
fn tag(service: &str) -> String {
    let image = service.split("    image: ").nth(1).unwrap().lines().next().unwrap();
    image.split_once(':').map_or(String::new(), |(_, tag)| tag.to_owned())
}

/// What is named `ANAMNESIS_STACK_…`.
fn variables(text: &str) -> BTreeSet<String> {
    let names = text.split("ANAMNESIS_STACK_").skip(1);
    names.map(|rest| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect()).collect()
}
