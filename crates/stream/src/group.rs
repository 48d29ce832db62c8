//! Which partitions are this process's, when several share the work?

use std::collections::BTreeSet;
use std::time::Duration;

use anamnesis_loops::{Loops, PATIENCE, Pulse, Running};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, config::RDKafkaLogLevel};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::debug;

use crate::client::Quiet;
use crate::feed::FeedError;
use crate::settings::KafkaSettings;
use crate::topics::{Topic, TopicPartition};

/// How long it waits after an error; the client connects again by itself.
const PAUSE: Duration = Duration::from_millis(200);

/// Membership in a consumer group, for as long as this value lives. It tells which partitions are ours; it reads
/// nothing and commits nothing, for checkpoints are positions, in the database.
///
/// Two processes may for a moment both believe that a partition is theirs (one was stopped and continued): whoever
/// writes must be fenced by its checkpoint.
#[derive(Debug)]
pub struct Membership {
    assigned: watch::Receiver<BTreeSet<TopicPartition>>,
    /// Ends with this value.
    _following: Running,
}

impl Membership {
    /// Joins the group of all who do the same work: `work` is part of the group's name.
    pub fn join(settings: &KafkaSettings, work: &str, topics: &[Topic], loops: &Loops) -> Result<Self, FeedError> {
        Self::subscribe(settings, work, topics, loops).map_err(|error| FeedError::Unavailable(error.into()))
    }

    fn subscribe(settings: &KafkaSettings, work: &str, topics: &[Topic], loops: &Loops) -> Result<Self, KafkaError> {
        let (sender, assigned) = watch::channel(BTreeSet::new());
        let names: Vec<_> = topics.iter().map(|topic| settings.named(topic.name())).collect();
        let ours = Ours { topics: topics.iter().copied().zip(names.clone()).collect(), assigned: sender };
        let mut config = settings.member();
        config.set("group.id", settings.named(&format!("{}-{work}", settings.consumer_group)));
        let consumer: StreamConsumer<Ours> = config.create_with_context(ours)?;
        consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        let following = loops.spawn("membership", PATIENCE, |pulse| follow(consumer, pulse));
        Ok(Self { assigned, _following: following })
    }

    /// The partitions that are ours now.
    pub fn assigned(&self) -> BTreeSet<TopicPartition> {
        self.assigned.borrow().clone()
    }

    /// The partitions that are ours, as soon as they are others than this last said.
    pub async fn changed(&mut self) -> BTreeSet<TopicPartition> {
        // the task ends with this value only
        let _ = self.assigned.changed().await;
        self.assigned.borrow_and_update().clone()
    }
}

/// Whoever doesn't ask for records isn't told of changes.
async fn follow(consumer: StreamConsumer<Ours>, pulse: Pulse) {
    loop {
        if let Err(error) = pulse.while_waiting(consumer.recv()).await {
            debug!(%error, "the consumer group can't be reached; trying on");
            sleep(PAUSE).await;
        }
    }
}

struct Ours {
    topics: Vec<(Topic, String)>,
    assigned: watch::Sender<BTreeSet<TopicPartition>>,
}

impl Ours {
    fn partitions(&self, list: &TopicPartitionList) -> BTreeSet<TopicPartition> {
        let known = |name: &str| self.topics.iter().find(|(_, known)| known == name).map(|(topic, _)| *topic);
        let partition = |topic: Topic, index: i32| u32::try_from(index).ok().map(|index| TopicPartition { topic, index });
        list.elements().iter().filter_map(|element| partition(known(element.topic())?, element.partition())).collect()
    }
}

impl ClientContext for Ours {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ConsumerContext for Ours {
    /// Whoever works on what is taken away is told before it goes to somebody else.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => {
                let gone = self.partitions(list);
                self.assigned.send_modify(|assigned| assigned.retain(|partition| !gone.contains(partition)));
            }
            Rebalance::Error(_) => self.assigned.send_modify(BTreeSet::clear),
            Rebalance::Assign(_) => {}
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            // nothing is read here
            if let Err(error) = consumer.pause(list) {
                debug!(%error, "partitions can't be paused; what comes is dropped");
            }
            let new = self.partitions(list);
            self.assigned.send_modify(|assigned| assigned.extend(new));
        }
    }
}
