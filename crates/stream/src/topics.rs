//! Which event goes where in Kafka?

use std::fmt;

use anamnesis_domain::REGISTRY;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A topic of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// Patients, consents, providers, organizations, facilities.
    Patient,
    /// Appointments.
    Appointment,
    /// Records and documents.
    Document,
    /// Accounts, accesses, findings, the system's own acts.
    Audit,
    /// Notifications.
    Notification,
    /// Insights and models.
    Ai,
    /// The log's signed tree heads.
    LogHeads,
}

/// The topics that carry events, in the order in which schemas are registered for them.
pub const EVENT_TOPICS: [Topic; 6] = [Topic::Patient, Topic::Appointment, Topic::Document, Topic::Audit, Topic::Notification, Topic::Ai];

/// How a topic is made.
struct Spec {
    name: &'static str,
    /// In a checkpoint's partition number; never changed.
    number: u32,
    partitions: u32,
    retention_days: Option<u32>,
    cleanup: &'static str,
}

impl Topic {
    const fn spec(self) -> Spec {
        let (number, name, partitions, retention_days, cleanup) = match self {
            Self::Patient => (1, "patient-events", 6, Some(7), "delete"),
            Self::Appointment => (2, "appointment-events", 8, Some(30), "delete"),
            Self::Document => (3, "document-events", 4, Some(90), "delete"),
            // compaction drops nothing, for the key is the event's id; `compact` alone would keep everything for ever
            Self::Audit => (4, "audit-events", 12, Some(365), "compact,delete"),
            Self::Notification => (5, "notification-events", 4, Some(7), "delete"),
            Self::Ai => (6, "ai-events", 6, Some(180), "delete"),
            Self::LogHeads => (7, "log-heads", 1, None, "delete"),
        };
        Spec { name, number, partitions, retention_days, cleanup }
    }

    /// Its name, without an installation's prefix.
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// How many partitions it has.
    pub const fn partitions(self) -> u32 {
        self.spec().partitions
    }

    /// Its retention in milliseconds as Kafka wants it; -1 is for ever.
    pub(crate) fn retention_ms(self) -> i64 {
        self.spec().retention_days.map_or(-1, |days| i64::from(days) * 86_400_000)
    }

    /// Its `cleanup.policy`.
    pub(crate) const fn cleanup(self) -> &'static str {
        self.spec().cleanup
    }

    /// The topic of an aggregate's events.
    pub fn of(aggregate_type: &str) -> Option<Self> {
        let topic = REGISTRY.iter().find(|aggregate| aggregate.name == aggregate_type)?.topic;
        Self::named(topic)
    }

    /// The topic of that name (without prefix), if it carries events.
    pub fn named(name: &str) -> Option<Self> {
        EVENT_TOPICS.into_iter().find(|topic| topic.name() == name)
    }

    /// All its partitions.
    pub fn all_partitions(self) -> impl Iterator<Item = TopicPartition> {
        (0..self.partitions()).map(move |index| TopicPartition { topic: self, index })
    }

    /// The partition of an aggregate's events: the first 8 bytes of SHA-256(id), as a big-endian number, modulo the
    /// number of partitions. Frozen by `docs/formats/kafka.json`.
    #[expect(clippy::missing_panics_doc, reason = "it can't: the index is smaller than the number of partitions")]
    pub fn partition_of(self, aggregate_id: Uuid) -> TopicPartition {
        let digest = Sha256::digest(aggregate_id.as_bytes());
        let first = digest.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        let index = first % u64::from(self.partitions());
        TopicPartition { topic: self, index: u32::try_from(index).expect("it is smaller than the number of partitions") }
    }
}

/// One partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition's number in it, from 0.
    pub index: u32,
}

impl TopicPartition {
    /// Every partition that carries events.
    pub fn all() -> impl Iterator<Item = Self> {
        EVENT_TOPICS.into_iter().flat_map(Topic::all_partitions)
    }

    /// Where the events of an aggregate go.
    pub fn of(aggregate_type: &str, aggregate_id: Uuid) -> Option<Self> {
        Topic::of(aggregate_type).map(|topic| topic.partition_of(aggregate_id))
    }

    /// Its number among all, as checkpoints have it: a thousand for each topic in the order of [`Topic`], from 1000,
    /// and the partition. 0 is the log itself.
    pub const fn number(self) -> u32 {
        self.topic.spec().number * 1_000 + self.index
    }

    /// The partition with that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::all().find(|partition| partition.number() == number)
    }

    /// As Kafka's clients want it.
    pub(crate) fn kafka_index(self) -> i32 {
        i32::try_from(self.index).expect("topics have few partitions")
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic.name(), self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aggregate_has_a_topic() {
        for aggregate in REGISTRY {
            assert!(Topic::of(aggregate.name).is_some(), "{}: no topic is called {}", aggregate.name, aggregate.topic);
        }
        assert_eq!(Topic::of("weather"), None);
    }

    /// These are contracts: whoever reads from outside counts on them.
    #[test]
    fn the_topics_are_the_specifications() {
        let days = |topic: Topic| topic.retention_ms() / 86_400_000;
        let specs: Vec<_> = EVENT_TOPICS.iter().map(|topic| (topic.name(), topic.partitions(), days(*topic), topic.cleanup())).collect();
        assert_eq!(
            specs,
            [
                ("patient-events", 6, 7, "delete"),
                ("appointment-events", 8, 30, "delete"),
                ("document-events", 4, 90, "delete"),
                ("audit-events", 12, 365, "compact,delete"),
                ("notification-events", 4, 7, "delete"),
                ("ai-events", 6, 180, "delete"),
            ]
        );
        let heads = Topic::LogHeads;
        assert_eq!((heads.name(), heads.partitions(), heads.retention_ms(), heads.cleanup()), ("log-heads", 1, -1, "delete"));
    }

    #[test]
    fn a_partition_keeps_its_number() {
        let numbers: Vec<_> = TopicPartition::all().map(TopicPartition::number).collect();
        assert_eq!((numbers.len(), numbers[0], numbers[6], numbers[39]), (40, 1000, 2000, 6005));
        for partition in TopicPartition::all() {
            assert_eq!(TopicPartition::from_number(partition.number()), Some(partition));
        }
        assert_eq!(TopicPartition::from_number(0), None);
    }
}
