//! What stands in a partition, from an offset on?

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{sleep, timeout};

use crate::client::{Quiet, blocking};
use crate::cluster::PATIENCE;
use crate::settings::{KafkaSettings, TRANSACTION_TIMEOUT};

/// A partition that changes its broker is there again after a moment.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Marks come within milliseconds, unless a publisher died in the middle of a transaction.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// After this no transaction is open any more: Kafka aborts what isn't ended in time.
const UNDECIDED_AT_MOST: Duration = TRANSACTION_TIMEOUT.saturating_add(PATIENCE);

/// Reads one partition at a time, only what is committed.
pub(crate) struct Reader {
    settings: KafkaSettings,
    consumer: Arc<StreamConsumer<Quiet>>,
    at: Option<(String, i32)>,
}

/// What came next.
pub(crate) enum Next {
    /// A record.
    Record(OwnedMessage),
    /// There is nothing after this yet.
    End,
    /// Nothing came within the time.
    Nothing,
}

impl Reader {
    /// One that stays in its partition and waits there.
    pub(crate) fn following(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        Self::waiting(settings, 250)
    }

    /// One that looks into many partitions, one after another.
    pub(crate) fn looking_around(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        Self::waiting(settings, 5)
    }

    fn waiting(settings: &KafkaSettings, patience_ms: u32) -> Result<Self, KafkaError> {
        let consumer = Arc::new(settings.reader(patience_ms).create_with_context(Quiet)?);
        Ok(Self { settings: settings.clone(), consumer, at: None })
    }

    /// The first offset that is still there, and the one that the next committed record will have at least.
    pub(crate) async fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (consumer, topic) = (Arc::clone(&self.consumer), topic.to_owned());
            match blocking(move || consumer.fetch_watermarks(&topic, partition, PATIENCE)).await {
                Err(error) if is_moving(&error) && Instant::now() < deadline => sleep(ASK_AGAIN_AFTER).await,
                found => return found,
            }
        }
    }

    /// Waits until nothing that was written to a partition before this call is undecided any more, and says how far it then goes.
    ///
    /// Kafka says that a transaction is committed before it has marked its records as such, and until then a reader finds an end
    /// in front of them. So an end means that something is missing only after this.
    pub(crate) async fn settle(&self, topic: &str, partition: i32) -> Result<i64, KafkaError> {
        let written = {
            let (everything, topic): (BaseConsumer<Quiet>, _) = (self.settings.undecided_too().create_with_context(Quiet)?, topic.to_owned());
            blocking(move || everything.fetch_watermarks(&topic, partition, PATIENCE)).await?.1
        };
        let deadline = Instant::now() + UNDECIDED_AT_MOST;
        loop {
            let (_, decided) = self.watermarks(topic, partition).await?;
            if decided >= written {
                return Ok(decided);
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// The first offset whose record isn't older; `None` if all are.
    pub(crate) async fn offset_at(&self, topic: &str, partition: i32, time_ms: i64) -> Result<Option<i64>, KafkaError> {
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(topic, partition, Offset::Offset(time_ms))?;
        let consumer = Arc::clone(&self.consumer);
        let found = blocking(move || consumer.offsets_for_times(wanted, PATIENCE)).await?;
        let offset = found.elements().first().map(rdkafka::topic_partition_list::TopicPartitionListElem::offset);
        Ok(offset.and_then(|offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None }))
    }

    /// From here on.
    pub(crate) fn seek(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), KafkaError> {
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        self.consumer.assign(&from)?;
        self.at = Some((topic.to_owned(), partition));
        Ok(())
    }

    /// The next record, the end, or nothing within that time. May be dropped while it waits.
    pub(crate) async fn next(&mut self, wait: Duration) -> Result<Next, KafkaError> {
        let received = async {
            loop {
                match self.consumer.recv().await {
                    Ok(message) if self.is_here(message.topic(), message.partition()) => return Ok(Next::Record(message.detach())),
                    Err(KafkaError::PartitionEOF(partition)) if self.at.as_ref().is_some_and(|at| at.1 == partition) => return Ok(Next::End),
                    // what a place before this one left behind
                    Ok(_) | Err(KafkaError::PartitionEOF(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        timeout(wait, received).await.unwrap_or(Ok(Next::Nothing))
    }

    fn is_here(&self, topic: &str, partition: i32) -> bool {
        self.at.as_ref().is_some_and(|at| at.0 == topic && at.1 == partition)
    }

    /// The last record before the end, if Kafka still has one.
    pub(crate) async fn last(&mut self, topic: &str, partition: i32) -> Result<Tail, KafkaError> {
        let (low, high) = self.watermarks(topic, partition).await?;
        // what ends a transaction takes an offset as well, and so does what was never committed
        let mut back = 4;
        if low == high {
            return Ok(if high == 0 { Tail::NeverAny } else { Tail::Forgotten });
        }
        loop {
            let from = low.max(high - back);
            self.seek(topic, partition, from)?;
            if let Some(last) = self.last_until_end().await? {
                return Ok(Tail::Record(last));
            }
            if from == low {
                return Ok(Tail::Forgotten);
            }
            back *= 16;
        }
    }

    async fn last_until_end(&mut self) -> Result<Option<OwnedMessage>, KafkaError> {
        let mut last = None;
        loop {
            match self.next(PATIENCE).await? {
                Next::Record(record) => last = Some(record),
                Next::End => return Ok(last),
                Next::Nothing => return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
            }
        }
    }
}

/// Another broker has the partition now, or will in a moment; also while its topic is being made.
fn is_moving(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable))
}

/// The end of a partition.
pub(crate) enum Tail {
    /// Its last record.
    Record(OwnedMessage),
    /// It had records, or nothing but the marks of transactions.
    Forgotten,
    /// Nothing was ever written here.
    NeverAny,
}
