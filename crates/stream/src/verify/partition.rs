//! Is one partition what the log says?

use std::collections::{BTreeSet, VecDeque};

use anamnesis_journal::tree::Hash;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedMessage};
use tokio::task::coop::consume_budget;

use super::statement::Proved;
use super::{Fault, Finding};
use crate::cluster::PATIENCE;
use crate::reader::{Next, Reader};
use crate::record::{self, Marks};
use crate::settings::KafkaSettings;
use crate::topics::TopicPartition;

/// What must be in a partition.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    /// Nothing after this is looked at.
    pub(super) up_to: u64,
    /// The last position published here.
    pub(super) tail: u64,
    /// Up to here everything was proved before.
    pub(super) statement: u64,
}

/// Compares one partition with the log, window by window.
pub(super) struct Checker {
    partition: TopicPartition,
    topic: String,
    /// The next record to look at.
    offset: i64,
    /// Where the partition ended when this began.
    end: i64,
    /// Nothing up to here is expected: Kafka has forgotten it, or it was proved before.
    floor: u64,
    /// The first record, which says what is forgotten, until the log has confirmed it.
    unconfirmed: Option<(i64, u64)>,
    /// The position of the last record that was where it should be, if there is or was one.
    last: Option<u64>,
    /// The last position that Kafka has forgotten here.
    forgotten: u64,
    up_to: u64,
    /// What the log has and Kafka should have next.
    expected: VecDeque<(u64, Hash)>,
    /// Told to be missing: if one comes later, it is out of order.
    missing: BTreeSet<u64>,
    records: u64,
    findings: Vec<Finding>,
}

impl Checker {
    /// Finds where the partition begins: after what is proved, or at its first record.
    pub(super) async fn begin(
        reader: &mut Reader,
        settings: &KafkaSettings,
        partition: TopicPartition,
        expected: Expected,
        since: Option<&Proved>,
    ) -> Result<Self, KafkaError> {
        let topic = settings.named(partition.topic.name());
        let (low, high) = reader.watermarks(&topic, partition.kafka_index()).await?;
        let mut checker = Self {
            partition,
            topic,
            offset: low,
            end: high,
            floor: expected.up_to,
            unconfirmed: None,
            last: None,
            forgotten: 0,
            up_to: expected.up_to,
            expected: VecDeque::new(),
            missing: BTreeSet::new(),
            records: 0,
            findings: vec![],
        };
        if let Some(proved) = since.filter(|proved| proved.next_offset >= low && proved.next_offset <= high)
            && checker.still_has(reader, low, proved).await?
        {
            checker.offset = proved.next_offset;
            checker.floor = expected.statement;
            checker.last = Some(proved.position);
        } else {
            checker.begin_at_first(reader, expected.tail).await?;
        }
        Ok(checker)
    }

    /// Whether what was proved ends where it did. A topic that was deleted and filled again has other offsets.
    async fn still_has(&self, reader: &mut Reader, low: i64, proved: &Proved) -> Result<bool, KafkaError> {
        let last = proved.next_offset - 1;
        if last < low {
            // Kafka has forgotten it, or there was none
            return Ok(true);
        }
        reader.seek(&self.topic, self.partition.kafka_index(), last)?;
        let found = self.next_here(reader).await?.filter(|message| message.offset() == last);
        Ok(found.and_then(|message| Marks::of(&message).ok()).is_some_and(|marks| marks.position == proved.position))
    }

    async fn begin_at_first(&mut self, reader: &mut Reader, tail: u64) -> Result<(), KafkaError> {
        let mut first = if self.offset < self.end { self.next(reader).await? } else { None };
        if first.is_none() && tail > 0 {
            first = self.next_when_settled(reader).await?;
        }
        match first {
            // what its headers say is looked at when its turn comes
            Some(first) => {
                let (previous, position) = Marks::of(&first).map_or((0, 0), |marks| (marks.previous, marks.position));
                self.unconfirmed = (previous > 0).then_some((first.offset(), position));
                self.floor = previous;
                self.forgotten = previous;
                self.last = Some(previous);
            }
            // it was written once: Kafka has forgotten it all
            None if self.end > 0 => {
                self.forgotten = tail;
                self.last = Some(tail);
            }
            // it was never written: whatever was published here is missing
            None => {
                self.floor = if tail > 0 { 0 } else { self.up_to };
                self.last = Some(0);
            }
        }
        Ok(())
    }

    pub(super) fn partition(&self) -> TopicPartition {
        self.partition
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn proved(&self) -> Proved {
        Proved { position: self.last.unwrap_or(0), next_offset: self.offset }
    }

    /// The position after which the log must be read; the last forgotten one itself must be this partition's.
    pub(super) fn needs_log_from(&self) -> u64 {
        self.floor.saturating_sub(1).min(self.up_to)
    }

    /// Tells what the log has here.
    pub(super) fn expect(&mut self, position: u64, leaf: Hash) {
        if position == self.floor {
            self.unconfirmed = None;
        } else if position > self.floor {
            self.expected.push_back((position, leaf));
        }
    }

    /// Compares what is expected so far.
    pub(super) async fn check(&mut self, reader: &mut Reader, envelopes: &[u32]) -> Result<Vec<Finding>, KafkaError> {
        if !self.expected.is_empty() {
            reader.seek(&self.topic, self.partition.kafka_index(), self.offset)?;
        }
        while let Some(&(position, leaf)) = self.expected.front() {
            // records come without waiting, and others have something to do
            consume_budget().await;
            let mut next = self.next_here(reader).await?;
            if next.is_none() {
                next = self.next_when_settled(reader).await?;
            }
            let Some(message) = next else {
                // the end is told once
                while let Some(&(position, _)) = self.expected.front() {
                    self.miss(position);
                }
                break;
            };
            match Marks::of(&message) {
                Ok(marks) if marks.position > position => {
                    self.miss(position);
                    // it is looked at again, for a later position
                    reader.seek(&self.topic, self.partition.kafka_index(), message.offset())?;
                }
                Ok(marks) if marks.position == position => {
                    self.take(&message, marks, leaf, envelopes);
                    self.expected.pop_front();
                }
                Ok(marks) => self.not_expected(&message, marks.position),
                Err(error) => {
                    self.tell(Some(message.offset()), position, Fault::Altered(error));
                    self.offset = message.offset() + 1;
                    self.last = Some(position);
                    self.expected.pop_front();
                }
            }
        }
        Ok(std::mem::take(&mut self.findings))
    }

    /// After everything expected was compared: nothing else may be there but what was published later.
    pub(super) async fn finish(&mut self, reader: &mut Reader, envelopes: &[u32]) -> Result<Vec<Finding>, KafkaError> {
        self.findings = self.check(reader, envelopes).await?;
        if let Some((offset, position)) = self.unconfirmed.take() {
            self.tell(Some(offset), position, Fault::WrongPrevious { named: self.floor, actual: 0 });
        }
        if self.offset >= self.end {
            return Ok(std::mem::take(&mut self.findings));
        }
        reader.seek(&self.topic, self.partition.kafka_index(), self.offset)?;
        while let Some(message) = self.next_here(reader).await? {
            match Marks::of(&message) {
                Ok(marks) if marks.position > self.up_to => break,
                Ok(marks) => self.not_expected(&message, marks.position),
                Err(error) => {
                    self.tell(Some(message.offset()), self.up_to, Fault::Altered(error));
                    self.offset = message.offset() + 1;
                }
            }
        }
        Ok(std::mem::take(&mut self.findings))
    }

    /// The record of a position, compared with what stands there in the log.
    fn take(&mut self, message: &OwnedMessage, marks: Marks, leaf: Hash, envelopes: &[u32]) {
        let (offset, position) = (Some(message.offset()), marks.position);
        self.records += 1;
        match record::read(message) {
            Err(error) => self.tell(offset, position, Fault::Altered(error)),
            Ok(entry) if entry.leaf() != leaf => self.tell(offset, position, Fault::OtherLeaf),
            Ok(_) => {}
        }
        let schema = record::schema_id(message.payload().unwrap_or_default()).ok();
        if let Some(other) = schema.filter(|id| !envelopes.contains(id)) {
            self.tell(offset, position, Fault::OtherSchemaId(other));
        }
        if let Some(actual) = self.last.filter(|actual| *actual != marks.previous) {
            self.tell(offset, position, Fault::WrongPrevious { named: marks.previous, actual });
        }
        self.offset = message.offset() + 1;
        self.last = Some(position);
    }

    fn miss(&mut self, position: u64) {
        self.tell(None, position, Fault::Missing);
        self.missing.insert(position);
        // whoever comes next must name it all the same
        self.last = Some(position);
        self.expected.pop_front();
    }

    /// A record of a position that was passed, or isn't of this partition.
    fn not_expected(&mut self, message: &OwnedMessage, position: u64) {
        let fault = if self.missing.remove(&position) {
            Fault::OutOfOrder
        } else if self.last.is_some_and(|last| position <= last) && record::read(message).is_ok_and(|entry| self.is_here(&entry)) {
            Fault::Doubled
        } else {
            Fault::NotOfTheLog
        };
        self.tell(Some(message.offset()), position, fault);
        self.offset = message.offset() + 1;
    }

    fn is_here(&self, entry: &anamnesis_journal::log::SealedEntry) -> bool {
        TopicPartition::of(&entry.aggregate_type, entry.aggregate_id) == Some(self.partition)
    }

    fn tell(&mut self, offset: Option<i64>, position: u64, fault: Fault) {
        self.findings.push(Finding { partition: self.partition, offset, position, fault });
    }

    /// The first record from `offset` on.
    async fn next(&self, reader: &mut Reader) -> Result<Option<OwnedMessage>, KafkaError> {
        reader.seek(&self.topic, self.partition.kafka_index(), self.offset)?;
        self.next_here(reader).await
    }

    /// Looks behind an end again, when everything that was written is decided.
    async fn next_when_settled(&mut self, reader: &mut Reader) -> Result<Option<OwnedMessage>, KafkaError> {
        self.end = self.end.max(reader.settle(&self.topic, self.partition.kafka_index()).await?);
        self.next(reader).await
    }

    async fn next_here(&self, reader: &mut Reader) -> Result<Option<OwnedMessage>, KafkaError> {
        match reader.next(PATIENCE).await? {
            Next::Record(message) => Ok(Some(message)),
            Next::End => Ok(None),
            Next::Nothing => Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
        }
    }
}
