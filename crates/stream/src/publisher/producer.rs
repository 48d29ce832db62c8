//! How do batches get into Kafka, all of them or nothing?

use std::ops::RangeInclusive;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use uuid::Uuid;

use crate::client::Quiet;
use crate::record::Record;
use crate::settings::KafkaSettings;
use crate::topics::Topic;

/// How long a transaction may take before everything is begun anew.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often it is looked whether everything has arrived: soon at first, since one record takes a millisecond or two.
const LOOK_EVERY: RangeInclusive<Duration> = Duration::from_micros(50)..=Duration::from_millis(1);
/// How long one attempt to end a transaction takes.
const ATTEMPT: Duration = Duration::from_secs(5);

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    /// Called for what didn't arrive alone. It keeps its transaction from being committed: that is where it is told.
    fn delivery(&self, _: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {}
}

/// A record with the position of the one before it in its partition.
pub(super) type Chained = (Record, u64);

/// A signed tree head: its size and its note.
pub(super) type Head = (u64, String);

/// The transactional producer. All its methods block. After an error it is of no more use; what became of the transaction,
/// the next one's beginning decides.
pub(super) struct Producer {
    producer: BaseProducer<Quiet>,
    names: Vec<(Topic, String)>,
}

impl Producer {
    /// Fences the producer before this one, and waits until what it had begun is committed or aborted.
    pub(super) fn begin(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let producer: BaseProducer<Quiet> = settings.producer().create_with_context(Quiet)?;
        producer.init_transactions(PATIENCE)?;
        let topics = crate::topics::EVENT_TOPICS.into_iter().chain([Topic::LogHeads]);
        Ok(Self { producer, names: topics.map(|topic| (topic, settings.named(topic.name()))).collect() })
    }

    /// Begins a transaction with these records.
    pub(super) fn begin_with(&self, records: &[Chained]) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        self.go_on_with(records)
    }

    /// Adds records to the transaction.
    pub(super) fn go_on_with(&self, records: &[Chained]) -> Result<(), KafkaError> {
        for (record, previous) in records {
            let to = BaseRecord::to(self.name(record.partition.topic)).partition(record.partition.kafka_index());
            let mut key = Uuid::encode_buffer();
            let content = to.key(&*record.key.hyphenated().encode_lower(&mut key)).payload(record.value.as_slice());
            self.send(content.timestamp(record.timestamp_ms).headers(record.headers(*previous)))?;
        }
        // hears what else the client has to say
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Publishes tree heads in a transaction of their own.
    pub(super) fn publish_heads(&self, heads: &[Head]) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        for (size, note) in heads {
            let size = size.to_string();
            let headers = OwnedHeaders::new().insert(Header { key: "size", value: Some(&size) });
            let to = BaseRecord::to(self.name(Topic::LogHeads)).partition(0);
            self.send(to.key(size.as_str()).payload(note.as_bytes()).headers(headers))?;
        }
        self.commit()
    }

    fn name(&self, topic: Topic) -> &str {
        self.names.iter().find(|(known, _)| *known == topic).map_or(topic.name(), |(_, name)| name)
    }

    fn send(&self, mut record: BaseRecord<'_, str, [u8]>) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) if Instant::now() < deadline => {
                    record = refused;
                    sleep(*LOOK_EVERY.end());
                    self.producer.poll(Duration::ZERO);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits until every record has arrived; false when that takes longer. The client's own ways of waiting don't: `flush`, with
    /// which its commit begins, polls for a tenth of a second whatever happens meanwhile, and a poll of a millisecond or less
    /// keeps a core busy.
    pub(super) fn wait_for_all(&self, at_most: Duration) -> bool {
        let began = Instant::now();
        while self.producer.in_flight_count() > 0 {
            if began.elapsed() >= at_most {
                return false;
            }
            sleep((began.elapsed() / 8).clamp(*LOOK_EVERY.start(), *LOOK_EVERY.end()));
            // lets go of what has failed
            self.producer.poll(Duration::ZERO);
        }
        true
    }

    /// Ends the transaction: from here on its records are there.
    pub(super) fn commit(&self) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        if !self.wait_for_all(PATIENCE) {
            return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
        }
        loop {
            let error = match self.producer.commit_transaction(ATTEMPT) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let timed_out = error == KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
            let may_go_on = timed_out || matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            if !may_go_on || Instant::now() >= deadline {
                return Err(error);
            }
        }
    }
}
