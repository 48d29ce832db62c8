//! How does what has happened leave the journal, and reach those who compute something from it?
//!
//! The [`Publisher`] copies the log to Kafka. A [`Feed`] is an ordered source of log entries for one consumer: over the
//! log itself ([`LogFeed`]), or over one partition of a topic ([`KafkaFeed`]); a
//! [`Membership`] tells which partitions are this process's.
//! Entries stay sealed here: `anamnesis_journal::log::open` opens a batch.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod client;
mod cluster;
mod feed;
mod group;
mod kafka_feed;
mod publication;
mod publisher;
mod reader;
mod record;
mod registry;
mod settings;
mod store;
mod topics;
mod verify;

pub use cluster::{Cluster, Drift, ensure_topics, examine_cluster};
pub use feed::{Feed, FeedError, LogFeed};
pub use group::Membership;
pub use kafka_feed::KafkaFeed;
pub use publication::Publication;
pub use publisher::{Comparison, PublishError, Publisher, PublisherHandle, PublisherHealth, PublisherSettings, PublisherState};
pub use record::RecordError;
pub use registry::{RegistryError, examine_registry};
pub use settings::{KafkaSettings, SecurityProtocol};
pub use topics::{EVENT_TOPICS, Topic, TopicPartition};
pub use verify::{Fault, Finding, KafkaReport, Scope, VerifyKafkaError, verify_kafka};
