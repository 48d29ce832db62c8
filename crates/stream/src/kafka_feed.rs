//! How does a consumer follow one partition of a topic, from exactly where it stopped?
//!
//! A checkpoint is a position, never an offset: it says the same over Kafka and over the log. What Kafka has forgotten is
//! read from the log, filtered to this partition; then the feed goes over to Kafka at the record that names the last
//! position read as the one before it.

use std::ops::ControlFlow;
use std::time::Duration;

use anamnesis_journal::log::{Log, SealedEntry};
use async_trait::async_trait;
use rdkafka::message::{Message as _, OwnedMessage};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::cluster::PATIENCE;
use crate::feed::{Feed, FeedError};
use crate::reader::{Next, Reader};
use crate::record::{self, Marks, RecordError};
use crate::settings::KafkaSettings;
use crate::store::Store;
use crate::topics::TopicPartition;

/// Places of the log looked at in one go while this partition's entries are picked out.
const PLACES_AT_ONCE: u32 = 10_000;

/// One partition of a topic as a feed.
pub struct KafkaFeed {
    log: Log,
    store: Store,
    partition: TopicPartition,
    topic: String,
    reader: Reader,
    at: Option<At>,
}

/// Where the feed is. It survives a call that was dropped while it waited.
struct At {
    /// The checkpoint that the consumer will ask for next.
    delivered: u64,
    /// The last position that was received, and so the one that the next record must name.
    received: u64,
    /// Up to here Kafka has nothing to say, and the log is read.
    log_up_to: u64,
    /// The record that follows.
    pending: Option<OwnedMessage>,
    /// Received and not yet delivered.
    ready: Vec<SealedEntry>,
}

/// Why nothing of a partition may be used any more.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{partition} has a gap at offset {offset}: after position {received} comes {position}, which says that it follows {previous}")]
    Gap { partition: TopicPartition, offset: i64, received: u64, position: u64, previous: u64 },
    #[error("the record at offset {offset} of {partition} can't be used")]
    Record { partition: TopicPartition, offset: i64, source: RecordError },
    #[error("the checkpoint {0} is beyond the log's end: the database was rolled back")]
    BeyondTheLog(u64),
}

impl KafkaFeed {
    /// A feed of that partition. `pool` and `log` are those of whoever may read the log.
    pub fn new(settings: &KafkaSettings, pool: PgPool, log: Log, partition: TopicPartition) -> Result<Self, FeedError> {
        let reader = Reader::following(settings).map_err(unavailable)?;
        Ok(Self { log, store: Store::new(pool), partition, topic: settings.named(partition.topic.name()), reader, at: None })
    }

    /// Finds the record after a checkpoint, or what the log must tell before it.
    async fn find(&mut self, checkpoint: u64) -> Result<At, FeedError> {
        let (low, high) = self.reader.watermarks(&self.topic, self.partition.kafka_index()).await.map_err(unavailable)?;
        let mut from = self.offset_of(checkpoint, high).await?.clamp(low, high);
        let mut at = At { delivered: checkpoint, received: checkpoint, log_up_to: 0, pending: None, ready: vec![] };
        loop {
            self.reader.seek(&self.topic, self.partition.kafka_index(), from).map_err(unavailable)?;
            let Some((message, marks)) = self.first_after(checkpoint).await? else {
                // nothing is here any more, or not yet: what was published is in the log
                at.log_up_to = self.store.tail(self.partition).await.map_err(unavailable)?;
                return Ok(at);
            };
            if marks.previous > checkpoint && from > low {
                // its times aren't in order: somebody else wrote here
                from = low;
                continue;
            }
            at.log_up_to = marks.previous;
            at.pending = Some(message);
            return Ok(at);
        }
    }

    /// An offset from which nothing after the checkpoint is missed: records have the log's time, which never falls.
    async fn offset_of(&self, checkpoint: u64, high: i64) -> Result<i64, FeedError> {
        let Some(before) = checkpoint.checked_sub(1) else { return Ok(0) };
        let places = self.log.places_after(before, 1).await?;
        let place = places.first().ok_or_else(|| FeedError::Broken(Broken::BeyondTheLog(checkpoint).into()))?;
        let time_ms = place.logged_at.micros().div_euclid(1_000);
        let offset = self.reader.offset_at(&self.topic, self.partition.kafka_index(), time_ms).await.map_err(unavailable)?;
        Ok(offset.unwrap_or(high))
    }

    async fn first_after(&mut self, checkpoint: u64) -> Result<Option<(OwnedMessage, Marks)>, FeedError> {
        loop {
            match self.reader.next(PATIENCE).await.map_err(unavailable)? {
                Next::Record(message) => {
                    let marks = Marks::of(&message).map_err(|source| self.unusable(&message, source))?;
                    if marks.position > checkpoint {
                        return Ok(Some((message, marks)));
                    }
                }
                Next::End => return Ok(None),
                Next::Nothing => return Err(FeedError::Unavailable("Kafka doesn't answer in time".into())),
            }
        }
    }

    /// This partition's entries after a position and up to another, as the log has them: at most `limit`, and none only
    /// if there is none.
    async fn read_log(&self, after: u64, up_to: u64, limit: usize) -> Result<Vec<SealedEntry>, FeedError> {
        let (mut scanned, mut positions) = (after, vec![]);
        while scanned < up_to && positions.len() < limit {
            let places = self.log.places_after(scanned, PLACES_AT_ONCE).await?;
            let Some(last) = places.last() else { break };
            scanned = last.position;
            let here = |aggregate_type: &str, aggregate_id| TopicPartition::of(aggregate_type, aggregate_id) == Some(self.partition);
            let found = places.iter().filter(|place| place.position <= up_to && here(&place.aggregate_type, place.aggregate_id));
            positions.extend(found.map(|place| place.position));
        }
        positions.truncate(limit);
        Ok(if positions.is_empty() { vec![] } else { self.log.at(&positions).await? })
    }

    fn unusable(&self, message: &OwnedMessage, source: RecordError) -> FeedError {
        FeedError::Broken(Broken::Record { partition: self.partition, offset: message.offset(), source }.into())
    }

    /// Receives until there is enough, or what there is must do. May be dropped while it waits: whatever was received
    /// is in `at`.
    async fn receive(&mut self, limit: usize, deadline: Instant) -> Result<(), FeedError> {
        loop {
            let Some(at) = &mut self.at else { return Ok(()) };
            if at.ready.len() >= limit {
                return Ok(());
            }
            if at.received < at.log_up_to {
                let (received, log_up_to, room) = (at.received, at.log_up_to, limit - at.ready.len());
                let entries = self.read_log(received, log_up_to, room).await?;
                self.take_over(entries, log_up_to);
                continue;
            }
            let wait = if at.ready.is_empty() { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            let next = match at.pending.take() {
                Some(message) => Next::Record(message),
                None => self.reader.next(wait).await.map_err(unavailable)?,
            };
            match next {
                Next::Record(message) => {
                    if let ControlFlow::Break(told) = at.accept(self.partition, message) {
                        return told.map_err(|broken| FeedError::Broken(broken.into()));
                    }
                }
                Next::End if at.ready.is_empty() && Instant::now() < deadline => {}
                Next::End | Next::Nothing => return Ok(()),
            }
        }
    }

    /// What the log had; without anything there was nothing up to where it was asked for.
    fn take_over(&mut self, entries: Vec<SealedEntry>, log_up_to: u64) {
        if let Some(at) = &mut self.at {
            at.received = entries.last().map_or(log_up_to, |last| last.position);
            at.ready.extend(entries);
        }
    }
}

impl At {
    /// Takes a record over, or drops it if it was seen. If nothing from here on can be used, that is told at once, or
    /// after what came before it was delivered.
    fn accept(&mut self, partition: TopicPartition, message: OwnedMessage) -> ControlFlow<Result<(), Broken>> {
        match self.next_entry(partition, &message) {
            Ok(Some(entry)) => {
                self.received = entry.position;
                self.ready.push(entry);
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(broken) if self.ready.is_empty() => ControlFlow::Break(Err(broken)),
            Err(_) => {
                self.pending = Some(message);
                ControlFlow::Break(Ok(()))
            }
        }
    }

    /// `None`: it was seen already.
    fn next_entry(&self, partition: TopicPartition, message: &OwnedMessage) -> Result<Option<SealedEntry>, Broken> {
        let (offset, received) = (message.offset(), self.received);
        let unusable = |source| Broken::Record { partition, offset, source };
        let Marks { position, previous, .. } = Marks::of(message).map_err(unusable)?;
        if position <= received {
            return Ok(None);
        }
        if previous > received {
            return Err(Broken::Gap { partition, offset, received, position, previous });
        }
        let entry = record::read(message).map_err(unusable)?;
        let here = TopicPartition::of(&entry.aggregate_type, entry.aggregate_id) == Some(partition);
        if here { Ok(Some(entry)) } else { Err(unusable(RecordError::Altered("it belongs into another partition"))) }
    }
}

#[async_trait]
impl Feed for KafkaFeed {
    fn partition(&self) -> u32 {
        self.partition.number()
    }

    async fn after(&mut self, checkpoint: u64, limit: u32, wait: Duration) -> Result<Vec<SealedEntry>, FeedError> {
        let (deadline, limit) = (Instant::now() + wait, limit as usize);
        if self.at.as_ref().is_none_or(|at| at.delivered != checkpoint) {
            self.at = None;
            self.at = Some(self.find(checkpoint).await?);
        }
        if let Err(error) = self.receive(limit, deadline).await {
            // found anew when it is asked for again
            self.at = None;
            return Err(error);
        }
        let Some(at) = &mut self.at else { return Ok(vec![]) };
        let delivered: Vec<_> = at.ready.drain(..at.ready.len().min(limit)).collect();
        at.delivered = delivered.last().map_or(checkpoint, |last| last.position);
        Ok(delivered)
    }

    async fn end(&mut self) -> Result<u64, FeedError> {
        let tail = self.store.tail(self.partition).await.map_err(unavailable)?;
        Ok(self.at.as_ref().map_or(tail, |at| at.received.max(tail)))
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FeedError {
    FeedError::Unavailable(error.into())
}
