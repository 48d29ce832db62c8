//! Which projections does this process run, and from where?
//!
//! What decides access and what was done follow the log. The others follow Kafka where there is one: processes that do
//! the same work share the partitions out among themselves, and each partition has a [`Projector`] of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anamnesis_cache::Cache;
use anamnesis_journal::log::Log;
use anamnesis_loops::{Loops, PATIENCE, Pulse, Running};
use anamnesis_projections::kernel::{Follows, Projection};
use anamnesis_stream::{FeedError, KafkaFeed, KafkaSettings, LogFeed, Membership, Publication, Topic, TopicPartition};
use anamnesis_vault::Vault;
use sqlx::PgPool;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::applied::Applied;
use crate::checkpoint::topics_of;
use crate::projector::{Projector, ProjectorSettings, Published, Works};

/// How often it looks how far the log is published.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it waits when it can't become a member of its group.
const JOIN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Runs projections from the log, and from Kafka where there is one.
pub struct Workers {
    works: Works,
    projections: Vec<&'static Projection>,
    kafka: Option<Kafka>,
}

#[derive(Clone)]
struct Kafka {
    settings: KafkaSettings,
    /// What processes have in common that share partitions out.
    work: String,
}

impl Workers {
    /// Workers over a pool of the role `anamnesis_projector` for those projections; all of them from the log.
    pub fn new(pool: PgPool, vault: Vault, log: Log, projections: &[&'static Projection], settings: ProjectorSettings) -> Self {
        Self {
            works: Works { pool, vault, log, settings, cache: None, loops: Loops::default(), applied: Applied::default() },
            projections: projections.to_vec(),
            kafka: None,
        }
    }

    /// They tell this cache what they touch.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.works.cache = Some(cache);
        self
    }

    /// How many events they have taken.
    pub fn applied(&self) -> Applied {
        self.works.applied.clone()
    }

    /// All that goes on in them is one of these loops.
    #[must_use]
    pub fn with_loops(mut self, loops: Loops) -> Self {
        self.works.loops = loops;
        self
    }

    /// Those that follow topics follow them there. Processes share the partitions out with all that name the same `work`.
    #[must_use]
    pub fn from_kafka(mut self, settings: KafkaSettings, work: &str) -> Self {
        self.kafka = Some(Kafka { settings, work: work.to_owned() });
        self
    }

    /// Keeps the projections up until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let from_kafka = |projection: &&Projection| self.kafka.is_some() && projection.follows == Follows::Topics;
        let (by_topics, by_log): (Vec<_>, Vec<_>) = self.projections.iter().copied().partition(from_kafka);
        let mut tasks = JoinSet::new();
        if !by_log.is_empty() {
            let (projector, feed) = (Projector::of(self.works.clone(), &by_log, None), LogFeed::new(self.works.log.clone()));
            let (name, shutdown) = (format!("projector of {}", projector.followed()), shutdown.clone());
            self.works.loops.spawn_on(&mut tasks, name, PATIENCE, |pulse| projector.with_pulse(pulse).run(feed, shutdown));
        }
        if let Some(kafka) = self.kafka.clone().filter(|_| !by_topics.is_empty()) {
            let partitions = Partitions::new(&self, kafka, by_topics);
            self.works.loops.spawn_on(&mut tasks, "assignment", PATIENCE, |pulse| partitions.run(shutdown, pulse));
        }
        tasks.join_all().await;
    }
}

/// The partitions that are this process's, and who works on each.
struct Partitions {
    works: Works,
    kafka: Kafka,
    projections: Vec<&'static Projection>,
    up_to: watch::Sender<u64>,
    at_a_time: Arc<Semaphore>,
    running: BTreeMap<TopicPartition, Worker>,
}

/// Who works on a partition.
struct Worker {
    stop: CancellationToken,
    task: Running,
}

impl Partitions {
    fn new(workers: &Workers, kafka: Kafka, projections: Vec<&'static Projection>) -> Self {
        let at_a_time = Arc::new(Semaphore::new(kafka.settings.concurrency.max(1) as usize));
        Self { works: workers.works.clone(), kafka, projections, up_to: watch::Sender::default(), at_a_time, running: BTreeMap::new() }
    }

    async fn run(mut self, shutdown: CancellationToken, pulse: Pulse) {
        let (pool, up_to) = (self.works.pool.clone(), self.up_to.clone());
        let _looking = self.works.loops.spawn("watch over the publication", PATIENCE, |pulse| look(pool, up_to, pulse));
        while !shutdown.is_cancelled() {
            match self.join() {
                Ok(membership) => self.follow(membership, &shutdown, &pulse).await,
                Err(error) => {
                    warn!(%error, "no member of the group: trying again in {} s", JOIN_AGAIN_AFTER.as_secs());
                    pulse.beat();
                    tokio::select! {
                        () = sleep(JOIN_AGAIN_AFTER) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
        self.assign(&BTreeSet::new()).await;
        pulse.ends();
    }

    fn join(&self) -> Result<Membership, FeedError> {
        let topics: BTreeSet<Topic> = self.projections.iter().flat_map(|projection| topics_of(projection)).collect();
        Membership::join(&self.kafka.settings, &self.kafka.work, &Vec::from_iter(topics), &self.works.loops)
    }

    /// Works on what is assigned, until `shutdown`. The membership ends after the last write.
    async fn follow(&mut self, mut membership: Membership, shutdown: &CancellationToken, pulse: &Pulse) {
        let mut assigned = membership.assigned();
        while !shutdown.is_cancelled() {
            self.assign(&assigned).await;
            tokio::select! {
                changed = pulse.while_waiting(membership.changed()) => assigned = changed,
                () = shutdown.cancelled() => {}
            }
        }
        self.assign(&BTreeSet::new()).await;
    }

    async fn assign(&mut self, assigned: &BTreeSet<TopicPartition>) {
        let lost: Vec<_> = self.running.keys().filter(|partition| !assigned.contains(partition)).copied().collect();
        let stopping: Vec<_> = lost.iter().filter_map(|partition| self.running.remove(partition)).collect();
        for running in &stopping {
            running.stop.cancel();
        }
        for running in stopping {
            if let Err(died) = running.task.ended().await {
                warn!(error = %died, "the projectors of a partition died");
            }
        }
        let new: Vec<_> = assigned.iter().filter(|partition| !self.running.contains_key(partition)).copied().collect();
        if !lost.is_empty() || !new.is_empty() {
            info!(lost = lost.len(), new = new.len(), "of Kafka's partitions {} are this process's", assigned.len());
        }
        for partition in new {
            let running = self.begin(partition);
            self.running.insert(partition, running);
        }
    }

    fn begin(&self, partition: TopicPartition) -> Worker {
        let projections: Vec<_> = self.projections.iter().copied().filter(|projection| topics_of(projection).contains(&partition.topic)).collect();
        let published = Published { partition, up_to: self.up_to.subscribe(), at_a_time: Arc::clone(&self.at_a_time) };
        let projector = Projector::of(self.works.clone(), &projections, Some(published));
        let (settings, pool, log) = (self.kafka.settings.clone(), self.works.pool.clone(), self.works.log.clone());
        let feed = move || KafkaFeed::new(&settings, pool.clone(), log.clone(), partition);
        let stop = CancellationToken::new();
        let (name, told) = (format!("projector of {partition}"), stop.clone());
        let task = self.works.loops.spawn(name, PATIENCE, |pulse| projector.with_pulse(pulse).run_from(feed, told));
        Worker { stop, task }
    }
}

/// Keeps up how far the log is published.
async fn look(pool: PgPool, up_to: watch::Sender<u64>, pulse: Pulse) {
    loop {
        pulse.beat();
        // who can't look sees it later
        if let Ok(Publication { position, .. }) = Publication::of(&pool).await {
            up_to.send_if_modified(|known| std::mem::replace(known, position) != position);
        }
        sleep(LOOK_EVERY).await;
    }
}
