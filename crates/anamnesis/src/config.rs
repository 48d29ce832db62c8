//! Which settings are there? Flags over environment (`ANAMNESIS_…`) over `anamnesis.toml` over defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anamnesis_journal::tree::Signer;
use anamnesis_stream::KafkaSettings;
use anyhow::Context;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data_dir::DataDir;

/// Where settings are looked for when nobody says otherwise.
pub const FILE: &str = "anamnesis.toml";

/// Variables with the product's prefix that aren't settings: those of its own tests.
const NOT_SETTINGS: &[&str] = &["test_", "stack_", "freeze"];

/// Every setting. A key that isn't here is an error, wherever it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder of this installation: keyring, signing key, and the database when it is our own.
    pub data_dir: PathBuf,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// The database (`postgres://…`), connecting as a role that may create roles and schemas. Without it a server of our own runs in the data directory.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub database_url: Option<SecretString>,
    /// Connections to the database, for each of the roles writer, projector and reader.
    pub database_connections: u32,
    /// The folder of `initdb`, `pg_ctl` and `postgres` for a server of our own; looked for if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres_bin: Option<PathBuf>,
    /// The key-encryption keys; `keyring.toml` in the data directory if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<PathBuf>,
    /// The log's signing key and the last head it signed; `log-signer.toml` in the data directory if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_signer: Option<PathBuf>,
    /// The log's name in its signed heads (C2SP `origin`).
    pub log_origin: String,
    /// The organization that the command line acts for; the only one there is if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Uuid>,
    /// The name of the organization that a first start makes.
    pub organization_name: String,
    /// How long a session lasts at most, in minutes.
    pub session_minutes: u32,
    /// How long a session may be idle, in minutes.
    pub idle_minutes: u32,
    /// How large a request's body may be, in bytes.
    pub max_body_bytes: usize,
    /// How long one request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// The Kafka that the log is published to, `[kafka]` in the file and `ANAMNESIS_KAFKA_…` in the environment; without it nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSettings>,
    /// How log lines look: `text` or `json`.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of tracing's `EnvFilter`.
    pub log_filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: DataDir::default_path().unwrap_or_else(|_| PathBuf::from("anamnesis-data")),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database_url: None,
            database_connections: 10,
            postgres_bin: None,
            keyring: None,
            log_signer: None,
            log_origin: "anamnesis".to_owned(),
            organization: None,
            organization_name: "My Clinic".to_owned(),
            session_minutes: 12 * 60,
            idle_minutes: 30,
            max_body_bytes: 1024 * 1024,
            request_timeout_ms: 30_000,
            kafka: None,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
        }
    }
}

impl Config {
    /// Reads the settings; `flags` win over everything. `file` must exist if it is named.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> anyhow::Result<Self> {
        let toml = match file {
            Some(path) => Toml::file_exact(path),
            None => Toml::file(FILE),
        };
        let environment = Env::prefixed("ANAMNESIS_").filter(|key| !NOT_SETTINGS.iter().any(|other| key.as_str().to_lowercase().starts_with(other)));
        // a table's settings are told apart by a dot
        let environment = environment.map(|key| key.as_str().to_lowercase().replacen("kafka_", "kafka.", 1).into());
        let settings = Figment::from(Serialized::defaults(Self::default())).merge(toml).merge(environment);
        let settings = flags.iter().fold(settings, |settings, (key, value)| settings.merge(Serialized::default(key, value)));
        settings.extract().context("read the settings; `anamnesis config --help` lists them")
    }

    /// The keyring's file.
    pub fn keyring_path(&self) -> PathBuf {
        self.keyring.clone().unwrap_or_else(|| self.data_dir.join("keyring.toml"))
    }

    /// The log's signer, made on first use.
    pub fn signer(&self) -> anyhow::Result<Signer> {
        let path = self.log_signer.clone().unwrap_or_else(|| self.data_dir.join("log-signer.toml"));
        Signer::open_or_create(path, &self.log_origin).context("open the log's signing key")
    }

    /// The Kafka that is configured.
    pub fn kafka(&self) -> anyhow::Result<&KafkaSettings> {
        self.kafka.as_ref().context("no Kafka is configured: set kafka.brokers, or ANAMNESIS_KAFKA_BROKERS")
    }

    /// The settings as TOML, with secrets masked.
    pub fn masked(&self) -> anyhow::Result<String> {
        toml::to_string_pretty(self).context("write the settings down")
    }
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn masked<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    if secret.is_some() { serializer.serialize_str("********") } else { serializer.serialize_none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_an_unknown_key_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\nidle_minutes = 7\n").unwrap();
        let config = Config::load(Some(&file), &[("listen", "127.0.0.1:2".to_owned())]).unwrap();
        assert_eq!((config.listen.port(), config.idle_minutes), (2, 7));
        std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let error = Config::load(Some(&file), &[]).unwrap_err();
        assert!(format!("{error:#}").contains("lisen"), "{error:#}");
    }

    #[test]
    fn secrets_are_masked() {
        let config = Config { database_url: Some("postgres://u:hunter2@h/d".to_owned().into()), ..Config::default() };
        assert!(!config.masked().unwrap().contains("hunter2"));
    }
}
