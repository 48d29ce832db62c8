//! Which settings are there? Flags over environment (`ANAMNESIS_…`) over `anamnesis.toml` over defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anamnesis_access::{AccessSettings, Limits};
use anamnesis_api::{StreamSettings, TrustedProxies};
use anamnesis_cache::{Cache, RedisSettings};
use anamnesis_journal::tree::{Signer, VerifyingKey};
use anamnesis_stream::KafkaSettings;
use anamnesis_vault::Vault;
use anyhow::Context;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data_dir::DataDir;
use crate::serving::Bounds;
use crate::webhook::{self, Webhook};

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
    /// The log's public key (`<name>+<id>+<key>`), for a process that serves without having the signing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_verifying_key: Option<String>,
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
    /// How often the same user may ask for the same in a minute; 0: as often as they like.
    pub requests_per_minute: u64,
    /// How often anybody may try to sign in to the same address in a minute; 0: as often as they like.
    pub sign_ins_per_minute: u64,
    /// How often anybody may try to sign in from the same place in a minute; 0: as often as they like.
    pub sign_ins_from_one_place_per_minute: u64,
    /// The cache (`redis://…`, with TLS `rediss://…`, with user and password if it asks for them). Without it each process remembers for itself.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub redis_url: Option<SecretString>,
    /// The certificate (PEM) of the authority that signed Redis's own, if it isn't one that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis_tls_ca: Option<PathBuf>,
    /// What our keys in Redis begin with, if several installations share it.
    pub redis_prefix: String,
    /// How long Redis may take to answer, in milliseconds.
    pub redis_timeout_ms: u64,
    /// Connections to Redis at most; a process opens one for each of its cores.
    pub redis_max_connections: usize,
    /// How much a process remembers by itself, without Redis, in bytes.
    pub cache_bytes: u64,
    /// The proxies that are believed about where requests come from (the end of `X-Forwarded-For`), by address or network (`10.0.0.0/8`).
    pub trusted_proxies: Vec<String>,
    /// How large a request's body may be, in bytes.
    pub max_body_bytes: usize,
    /// How long one request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How many connections may be open at once; more wait. Each is an open file.
    pub connections_at_once: usize,
    /// How long a connection may be without a whole request head, in milliseconds: slow to send one, or idle.
    pub request_head_timeout_ms: u64,
    /// How long the answer to a command is held back for its position in the log, in milliseconds; the command is done either way.
    pub position_wait_ms: u64,
    /// How many streams of events may be open at once.
    pub streams_at_once: usize,
    /// How many streams of events one account may have open at once.
    pub streams_per_account: usize,
    /// After how long without an event a stream says that it goes on, in milliseconds.
    pub stream_heartbeat_ms: u64,
    /// Who is told that something has happened (`https://…`), as in Standard Webhooks. Without it nobody is.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<SecretString>,
    /// What the notices are signed with: `whsec_` and the base64 of 24 to 64 bytes.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<SecretString>,
    /// Of which events notices are sent, by their names.
    pub webhook_events: Vec<String>,
    /// Where this process tells what it measures (`/metrics`, for Prometheus) and whether it is alive (`/health/live`).
    pub metrics_listen: SocketAddr,
    /// What whoever asks there must show (`Authorization: Bearer …`); needed where that isn't this machine alone.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub metrics_token: Option<SecretString>,
    /// How often the leading process writes an event whose way to the read models is measured, in milliseconds; 0 for never.
    pub canary_every_ms: u64,
    /// How long such an event may be on its way before readiness is red, in milliseconds.
    pub canary_within_ms: u64,
    /// How log lines look: `text` or `json`.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of tracing's `EnvFilter`.
    pub log_filter: String,
    /// The Kafka that the log is published to, `[kafka]` in the file and `ANAMNESIS_KAFKA_…` in the environment; without it nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSettings>,
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
            log_verifying_key: None,
            log_origin: "anamnesis".to_owned(),
            organization: None,
            organization_name: "My Clinic".to_owned(),
            session_minutes: 12 * 60,
            idle_minutes: 30,
            requests_per_minute: Limits::default().requests,
            sign_ins_per_minute: Limits::default().sign_ins,
            sign_ins_from_one_place_per_minute: Limits::default().sign_ins_from_one_place,
            redis_url: None,
            redis_tls_ca: None,
            redis_prefix: String::new(),
            redis_timeout_ms: 2_000,
            redis_max_connections: 20,
            cache_bytes: 64 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            max_body_bytes: 1024 * 1024,
            request_timeout_ms: 30_000,
            connections_at_once: 800,
            request_head_timeout_ms: 30_000,
            position_wait_ms: 100,
            streams_at_once: StreamSettings::default().at_once,
            streams_per_account: StreamSettings::default().per_account,
            stream_heartbeat_ms: StreamSettings::default().heartbeat_ms,
            kafka: None,
            webhook_url: None,
            webhook_secret: None,
            webhook_events: webhook::EVENTS.map(str::to_owned).to_vec(),
            metrics_listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            metrics_token: None,
            canary_every_ms: 10_000,
            canary_within_ms: 30_000,
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
        let environment = environment.map(|key| match key.as_str().to_lowercase().strip_prefix("kafka_") {
            Some(of_kafka) => format!("kafka.{of_kafka}").into(),
            None => key.into(),
        });
        let settings = Figment::from(Serialized::defaults(Self::default())).merge(toml).merge(environment);
        let settings = flags.iter().fold(settings, |settings, (key, value)| settings.merge(Serialized::default(key, value)));
        settings.extract().context("read the settings; `anamnesis config --help` lists them")
    }

    /// The keyring's file.
    pub fn keyring_path(&self) -> PathBuf {
        self.keyring.clone().unwrap_or_else(|| self.data_dir.join("keyring.toml"))
    }

    /// Makes the data directory, unless all that it would hold is elsewhere.
    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        if self.database_url.is_some() && self.keyring.is_some() && self.log_signer.is_some() {
            return Ok(());
        }
        DataDir::make(&self.data_dir).map(drop)
    }

    /// The log's signer, made on first use.
    pub fn signer(&self) -> anyhow::Result<Signer> {
        let path = self.log_signer.clone().unwrap_or_else(|| self.data_dir.join("log-signer.toml"));
        Signer::open_or_create(path, &self.log_origin).context("open the log's signing key")
    }

    /// The key that the log's heads are checked with.
    pub fn verifying_key(&self) -> anyhow::Result<VerifyingKey> {
        match &self.log_verifying_key {
            Some(key) => key.parse().context("log_verifying_key is no key: <name>+<id>+<key>"),
            None => Ok(self.signer()?.verifying_key().clone()),
        }
    }

    /// The Kafka that is configured.
    pub fn kafka(&self) -> anyhow::Result<&KafkaSettings> {
        self.kafka.as_ref().context("no Kafka is configured: set kafka.brokers, or ANAMNESIS_KAFKA_BROKERS")
    }

    /// The cache.
    pub fn cache(&self, vault: &Vault) -> anyhow::Result<Cache> {
        let Some(url) = &self.redis_url else { return Ok(Cache::in_memory(vault.clone(), self.cache_bytes)) };
        let settings = RedisSettings {
            url: url.clone(),
            tls_ca: self.redis_tls_ca.clone(),
            prefix: self.redis_prefix.clone(),
            timeout: Duration::from_millis(self.redis_timeout_ms),
            max_connections: self.redis_max_connections,
        };
        Cache::in_redis(vault.clone(), &settings).context("set the cache up")
    }

    /// How many streams of events may be open, and when they say that they go on.
    pub fn streams(&self) -> StreamSettings {
        StreamSettings { at_once: self.streams_at_once, per_account: self.streams_per_account, heartbeat_ms: self.stream_heartbeat_ms }
    }

    /// Who is believed about where requests come from.
    pub(crate) fn trusted_proxies(&self) -> anyhow::Result<TrustedProxies> {
        TrustedProxies::at(&self.trusted_proxies).map_err(|error| anyhow::anyhow!("trusted_proxies: {error}"))
    }

    /// What clients may take of a listener.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { connections: self.connections_at_once, head_within: Duration::from_millis(self.request_head_timeout_ms) }
    }

    /// Who is told what has happened, if anybody is.
    pub(crate) fn webhook(&self) -> anyhow::Result<Option<Webhook>> {
        let Some(url) = &self.webhook_url else { return Ok(None) };
        let secret = self.webhook_secret.as_ref().context("webhook_secret is missing: who is told must see that it is us")?;
        Webhook::new(url, secret, &self.webhook_events).map(Some)
    }

    /// How old the last canary that came through may be, in milliseconds, if there is to be one.
    pub fn canary_age_ms(&self) -> Option<u64> {
        (self.canary_every_ms > 0).then(|| self.canary_every_ms.saturating_add(self.canary_within_ms))
    }

    /// Who may sign in for how long, and ask how often.
    pub fn access(&self) -> AccessSettings {
        let limits = Limits {
            requests: self.requests_per_minute,
            sign_ins: self.sign_ins_per_minute,
            sign_ins_from_one_place: self.sign_ins_from_one_place_per_minute,
        };
        AccessSettings { session_minutes: self.session_minutes, idle_minutes: self.idle_minutes, limits, ..AccessSettings::default() }
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
        let secret = |url: &str| Some(url.to_owned().into());
        let config = Config {
            database_url: secret("postgres://u:hunter2@h/d"),
            redis_url: secret("redis://:hunter2@h"),
            metrics_token: secret("hunter2"),
            webhook_url: secret("https://h/hunter2"),
            webhook_secret: secret("whsec_hunter2"),
            ..Config::default()
        };
        assert!(!config.masked().unwrap().contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    }
}
