//! Are the topics there, and are they as they should be?

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use crate::client::{Quiet, blocking};
use crate::settings::{KafkaSettings, MAX_MESSAGE_BYTES};
use crate::topics::{EVENT_TOPICS, Topic};

/// How long a broker may take for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A topic that isn't made as it should be. It is reported and left as it is: whoever changed it may have had a reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the topic {topic} has {setting} = {found}, not {wanted}")]
pub struct Drift {
    /// The topic, with its prefix.
    pub topic: String,
    /// What differs: a topic's setting in Kafka's words, or `partitions` or `replication.factor`.
    pub setting: &'static str,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: String,
}

/// What stands on a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// How many brokers answer.
    pub brokers: usize,
    /// Topics that aren't there.
    pub missing: Vec<String>,
    /// What differs of those that are.
    pub drift: Vec<Drift>,
}

/// Looks what stands on the cluster, and changes nothing.
pub async fn examine_cluster(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
    let (admin, metadata) = metadata(settings).await?;
    let (there, missing) = sorted(&metadata, settings);
    let missing = missing.into_iter().map(|topic| settings.named(topic.name())).collect();
    Ok(Cluster { brokers: metadata.brokers().len(), missing, drift: drift(&admin, settings, &metadata, &there).await? })
}

/// Creates what is missing of our topics, and tells what of the others differs, without changing it.
pub async fn ensure_topics(settings: &KafkaSettings) -> Result<Vec<Drift>, KafkaError> {
    let (admin, metadata) = metadata(settings).await?;
    let (there, missing) = sorted(&metadata, settings);
    create(&admin, settings, &missing).await?;
    drift(&admin, settings, &metadata, &there).await
}

async fn metadata(settings: &KafkaSettings) -> Result<(AdminClient<Quiet>, Metadata), KafkaError> {
    let admin: AdminClient<Quiet> = settings.client().create_with_context(Quiet)?;
    let (admin, metadata) = blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE);
        (admin, metadata)
    })
    .await;
    Ok((admin, metadata?))
}

/// Our topics that are there, and those that aren't.
fn sorted(metadata: &Metadata, settings: &KafkaSettings) -> (Vec<Topic>, Vec<Topic>) {
    topics().partition(|topic| find(metadata, &settings.named(topic.name())).is_some())
}

async fn drift(admin: &AdminClient<Quiet>, settings: &KafkaSettings, metadata: &Metadata, there: &[Topic]) -> Result<Vec<Drift>, KafkaError> {
    let mut drift = vec![];
    for topic in there {
        let name = settings.named(topic.name());
        drift.extend(find(metadata, &name).into_iter().flat_map(|found| shape_drift(*topic, settings, found)));
    }
    drift.extend(config_drift(admin, settings, there).await?);
    Ok(drift)
}

fn topics() -> impl Iterator<Item = Topic> {
    EVENT_TOPICS.into_iter().chain([Topic::LogHeads])
}

fn find<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a MetadataTopic> {
    metadata.topics().iter().find(|topic| topic.name() == name)
}

/// The settings of a topic that we care for, in Kafka's words.
fn wanted(topic: Topic, settings: &KafkaSettings) -> [(&'static str, String); 4] {
    [
        ("retention.ms", topic.retention_ms().to_string()),
        ("cleanup.policy", topic.cleanup().to_owned()),
        ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
        // with one copy more, so that what was acknowledged survives a broker
        ("min.insync.replicas", settings.replication_factor.min(2).to_string()),
    ]
}

async fn create(admin: &AdminClient<Quiet>, settings: &KafkaSettings, missing: &[Topic]) -> Result<(), KafkaError> {
    let specs: Vec<_> = missing.iter().map(|topic| (settings.named(topic.name()), *topic, wanted(*topic, settings))).collect();
    let new: Vec<_> = specs.iter().map(|(name, topic, wanted)| new_topic(name, *topic, settings, wanted)).collect();
    if new.is_empty() {
        return Ok(());
    }
    for created in admin.create_topics(&new, &AdminOptions::new().operation_timeout(Some(PATIENCE))).await? {
        match created {
            // another process was quicker
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(())
}

fn new_topic<'a>(name: &'a str, topic: Topic, settings: &KafkaSettings, wanted: &'a [(&'static str, String)]) -> NewTopic<'a> {
    let partitions = i32::try_from(topic.partitions()).expect("topics have few partitions");
    let new = NewTopic::new(name, partitions, TopicReplication::Fixed(i32::from(settings.replication_factor)));
    wanted.iter().fold(new, |new, (setting, value)| new.set(setting, value))
}

fn shape_drift(topic: Topic, settings: &KafkaSettings, found: &MetadataTopic) -> Vec<Drift> {
    let partitions = found.partitions();
    let replicas = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
    [
        ("partitions", topic.partitions().to_string(), partitions.len().to_string()),
        ("replication.factor", settings.replication_factor.to_string(), replicas.to_string()),
    ]
    .into_iter()
    .filter(|(_, wanted, found)| wanted != found)
    .map(|(setting, wanted, value)| Drift { topic: found.name().to_owned(), setting, wanted, found: value })
    .collect()
}

async fn config_drift(admin: &AdminClient<Quiet>, settings: &KafkaSettings, there: &[Topic]) -> Result<Vec<Drift>, KafkaError> {
    let names: Vec<_> = there.iter().map(|topic| settings.named(topic.name())).collect();
    if names.is_empty() {
        return Ok(vec![]);
    }
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let configs = admin.describe_configs(&resources, &AdminOptions::new().request_timeout(Some(PATIENCE))).await?;
    let mut drift = vec![];
    for ((topic, name), config) in there.iter().zip(&names).zip(configs) {
        let config = config.map_err(KafkaError::AdminOp)?;
        drift.extend(wanted(*topic, settings).into_iter().filter_map(|(setting, wanted)| differs(&config, name, setting, wanted)));
    }
    Ok(drift)
}

fn differs(config: &ConfigResource, topic: &str, setting: &'static str, wanted: String) -> Option<Drift> {
    let found = config.get(setting)?.value.clone().unwrap_or_default();
    let parts = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<BTreeSet<_>>();
    (parts(&found) != parts(&wanted)).then(|| Drift { topic: topic.to_owned(), setting, wanted, found })
}
