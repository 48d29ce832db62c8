//! Where does a publisher go on?

use std::collections::BTreeMap;

use anamnesis_journal::log::Log;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};

use super::PublishError;
use crate::reader::{Reader, Tail};
use crate::record::{Marks, RecordError};
use crate::settings::KafkaSettings;
use crate::store::Published;
use crate::topics::{Topic, TopicPartition};

/// What is in Kafka already.
#[derive(Clone)]
pub(super) struct Start {
    /// The last position in each partition; what isn't after it is there.
    pub(super) tails: BTreeMap<TopicPartition, u64>,
    /// Up to here every partition has everything.
    pub(super) position: u64,
    /// The size of the last tree head.
    pub(super) head_size: u64,
}

impl Start {
    /// Looks at the end of every partition. Only right after earlier publishers were fenced: then nothing moves.
    ///
    /// A partition that ends earlier than was recorded has lost something (the topic was deleted, or a broker lost its
    /// disk): it is filled again from there.
    pub(super) async fn find(settings: &KafkaSettings, log: &Log, recorded: &Published) -> Result<Self, PublishError> {
        let mut reader = Reader::looking_around(settings)?;
        let mut start = Self { tails: BTreeMap::new(), position: recorded.position, head_size: 0 };
        for partition in TopicPartition::all() {
            let known = recorded.tails.get(&partition).copied().unwrap_or(0);
            let tail = match reader.last(&settings.named(partition.topic.name()), partition.kafka_index()).await? {
                Tail::Record(record) => checked(log, partition, &record).await?,
                Tail::Forgotten => known,
                Tail::NeverAny => 0,
            };
            if tail < known {
                start.position = start.position.min(tail);
            }
            start.tails.insert(partition, tail);
        }
        if let Tail::Record(head) = reader.last(&settings.named(Topic::LogHeads.name()), 0).await? {
            start.head_size = size_of(&head).unwrap_or(0);
        }
        Ok(start)
    }

    /// Whether Kafka has it already.
    pub(super) fn has(&self, partition: TopicPartition, position: u64) -> bool {
        self.tails.get(&partition).is_some_and(|tail| position <= *tail)
    }
}

/// The position of a partition's last record, if the log has the same there.
async fn checked(log: &Log, partition: TopicPartition, record: &OwnedMessage) -> Result<u64, PublishError> {
    let foreign = |source: RecordError| PublishError::Foreign { partition, source };
    let Marks { position, leaf, .. } = Marks::of(record).map_err(foreign)?;
    let before = position.checked_sub(1).ok_or_else(|| foreign(RecordError::Header("position")))?;
    let places = log.places_after(before, 1).await?;
    let same =
        places.first().is_some_and(|place| place.leaf == leaf && TopicPartition::of(&place.aggregate_type, place.aggregate_id) == Some(partition));
    if same { Ok(position) } else { Err(PublishError::OtherLog { partition, position }) }
}

fn size_of(head: &OwnedMessage) -> Option<u64> {
    let headers = head.headers()?;
    let size = (0..headers.count()).map(|index| headers.get(index)).find(|header| header.key == "size")?;
    std::str::from_utf8(size.value?).ok()?.parse().ok()
}
