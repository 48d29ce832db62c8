//! How are Kafka and the schema registry reached?

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// After this Kafka aborts a transaction that its publisher has not ended.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The cluster, the topics' names, and the specification's settings of producers and consumers.
///
/// What the specification sets and what is fixed here instead (`acks=all`, `auto.offset.reset=earliest`, the serialisers)
/// is told in `docs/decisions/0007-kafka-settings.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSettings {
    /// `host:port`, several with commas between them.
    pub brokers: String,
    /// In front of every topic's, group's and transaction's name: for several installations on one cluster.
    pub topic_prefix: String,
    /// Copies of each partition: 3, or 1 on one broker.
    pub replication_factor: u16,
    /// The group in which processes share the partitions out.
    pub consumer_group: String,
    /// How many partitions one process works on at a time.
    pub concurrency: u32,
    /// How often the client sends a batch again by itself; the publisher then begins again where Kafka stands.
    pub retries: u32,
    /// How often the publisher compares with the log what came to Kafka since the last comparison; 0 for never.
    pub verify_every_ms: u64,
    /// Whether connections are encrypted and authenticated.
    pub security_protocol: SecurityProtocol,
    /// The authorities whose certificates brokers may have (PEM); the system's if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our own certificate (PEM), where brokers ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub sasl_mechanism: String,
    /// Who we are to the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_username: Option<String>,
    /// The password for that.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub sasl_password: Option<SecretString>,
    /// The root of the registry's Confluent-compatible API.
    pub schema_registry_url: String,
    /// Who we are to the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_registry_username: Option<String>,
    /// The password for that.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    pub schema_registry_password: Option<SecretString>,
}

/// What a connection to a broker is protected by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// Nothing: for one machine.
    Plaintext,
    /// TLS.
    Ssl,
    /// A password that travels in the clear: for one machine.
    SaslPlaintext,
    /// TLS and a password.
    SaslSsl,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: String::new(),
            replication_factor: 3,
            consumer_group: "anamnesis".to_owned(),
            concurrency: 3,
            retries: 3,
            verify_every_ms: 60_000,
            security_protocol: SecurityProtocol::Plaintext,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            sasl_mechanism: "SCRAM-SHA-512".to_owned(),
            sasl_username: None,
            sasl_password: None,
            schema_registry_url: "http://127.0.0.1:8081".to_owned(),
            schema_registry_username: None,
            schema_registry_password: None,
        }
    }
}

/// Kafka's default of 1 MB would stop the log at the first larger event.
pub(crate) const MAX_MESSAGE_BYTES: u32 = 16 * 1024 * 1024;

impl KafkaSettings {
    /// A name of ours as this installation has it on the cluster.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// What every client has in common.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "anamnesis")
            .set("security.protocol", self.security_protocol.as_str())
            .set("reconnect.backoff.max.ms", "1000")
            .set("log.connection.close", "false");
        let files = [("ssl.ca.location", &self.ca_file), ("ssl.certificate.location", &self.certificate_file), ("ssl.key.location", &self.key_file)];
        for (name, file) in files {
            if let Some(file) = file {
                config.set(name, file.to_string_lossy());
            }
        }
        if matches!(self.security_protocol, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl) {
            config.set("sasl.mechanism", &self.sasl_mechanism);
            config.set("sasl.username", self.sasl_username.as_deref().unwrap_or_default());
            config.set("sasl.password", self.sasl_password.as_ref().map_or("", |password| password.expose_secret()));
        }
        config
    }

    /// A transactional producer: whoever begins with the same name ends the one before.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("transactional.id", self.named("anamnesis-publisher"))
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("retries", self.retries.max(1).to_string())
            // what is sealed can't be pressed, and zstd took three quarters of the client's time and as much of the broker's
            .set("compression.type", "none")
            .set("linger.ms", "0")
            // what arrived needs no telling, and to be told of each record takes longer than to send it
            .set("delivery.report.only.error", "true")
            .set("batch.size", "524288")
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set("queue.buffering.max.kbytes", "131072")
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string())
            .set("message.timeout.ms", "20000");
        config
    }

    /// A consumer that reads what it is told to, from where it is told to, and only what is committed.
    /// `patience_ms` is how long a broker keeps a question open while there is nothing: long for whoever follows, short
    /// for whoever goes from partition to partition, because the next question waits for the answer.
    pub(crate) fn reader(&self, patience_ms: u32) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", self.named(&self.consumer_group))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // an offset that Kafka no longer has is looked for again, with the log's help
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", patience_ms.to_string())
            .set("fetch.error.backoff.ms", "100")
            // several feeds share a process
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.message.max.bytes", "1048576");
        config
    }

    /// As a reader, for what isn't committed (yet) as well: how far anything was written.
    pub(crate) fn undecided_too(&self) -> ClientConfig {
        let mut config = self.reader(5);
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// A member of a group, which tells who has which partition and reads nothing.
    pub(crate) fn member(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", self.named(&self.consumer_group))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "1000")
            .set("queued.max.messages.kbytes", "1024")
            .set("fetch.message.max.bytes", "65536");
        config
    }
}

impl SecurityProtocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

#[expect(clippy::ref_option, reason = "serde asks for this signature")]
fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| "********").serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_settings_are_the_defaults() {
        let settings = KafkaSettings::default();
        assert_eq!((settings.retries, settings.concurrency, settings.replication_factor), (3, 3, 3));
        let (producer, member) = (settings.producer(), settings.member());
        assert_eq!((producer.get("acks"), producer.get("retries")), (Some("all"), Some("3")));
        assert_eq!(member.get("auto.offset.reset"), Some("earliest"));
    }

    #[test]
    fn passwords_are_neither_printed_nor_logged() {
        let settings: KafkaSettings = serde_json::from_str(r#"{"sasl_password": "hush", "schema_registry_password": "hush"}"#).unwrap();
        assert!(!serde_json::to_string(&settings).unwrap().contains("hush"));
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn tls_and_passwords_reach_the_client() {
        let settings = KafkaSettings {
            security_protocol: SecurityProtocol::SaslSsl,
            ca_file: Some("/etc/ca.pem".into()),
            sasl_username: Some("us".to_owned()),
            sasl_password: Some("hush".into()),
            ..KafkaSettings::default()
        };
        let client = settings.client();
        let told = ["security.protocol", "ssl.ca.location", "sasl.mechanism", "sasl.username", "sasl.password"].map(|name| client.get(name));
        assert_eq!(told, [Some("sasl_ssl"), Some("/etc/ca.pem"), Some("SCRAM-SHA-512"), Some("us"), Some("hush")]);
    }
}
