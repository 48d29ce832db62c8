//! What does a publisher do while it leads?
//!
//! Reading the log, making records of it and putting them into Kafka go on side by side: while a transaction is committed, the
//! next one is made, and the one after it is read.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::log::{Log, LogError, SealedEntry};
use anamnesis_loops::Pulse;
use futures::future::try_join_all;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::producer::{Chained, Producer};
use super::tails::Start;
use super::{PublishError, Publisher, PublisherHealth, PublisherSettings};
use crate::client::blocking;
use crate::cluster::ensure_topics;
use crate::record::Record;
use crate::registry::{Registry, RegistryError};
use crate::store::Store;
use crate::topics::TopicPartition;

/// Events made into records by one thread at a time.
const ENCODED_AT_ONCE: usize = 1_000;
/// So few are made into records where they are: another thread would have to be woken first.
const ENCODED_INLINE: usize = 20;
/// Batches that wait to be sent, at most.
const WAITING: usize = 4;
/// How long a transaction waits for its records before it is looked whether there are more for it.
const LOOK_FOR_MORE_AFTER: Duration = Duration::from_millis(1);
/// Tree heads in one transaction.
const HEADS_AT_ONCE: u32 = 1_000;

/// One time of leading, in its own epoch.
pub(super) struct Session<'a> {
    epoch: i64,
    store: &'a Store,
    log: &'a Log,
    settings: &'a PublisherSettings,
    health: &'a watch::Sender<PublisherHealth>,
    pulse: &'a Pulse,
    registry: Registry,
    schema_id: u32,
    producer: Arc<Producer>,
    start: Start,
}

/// Entries of consecutive positions, one at least.
type Page = Vec<SealedEntry>;

/// Records of consecutive positions; those that Kafka has already are left out.
struct Batch {
    records: Vec<Record>,
    up_to: u64,
}

impl<'a> Session<'a> {
    /// Makes everything ready: topics, schemas, the fence, and what is in Kafka already.
    pub(super) async fn open(epoch: i64, publisher: &'a Publisher) -> Result<Self, PublishError> {
        let Publisher { store, log, kafka, settings, health, pulse, .. } = publisher;
        let drift = ensure_topics(kafka).await?;
        for drift in &drift {
            warn!("{drift}");
        }
        health.send_modify(|health| health.drift = drift);
        let registry = Registry::new(kafka, store.clone())?;
        let schema_id = schema_id(&registry, health).await?;
        let producer = {
            let kafka = kafka.clone();
            Arc::new(blocking(move || Producer::begin(&kafka)).await?)
        };
        pulse.beat();
        let start = Start::find(kafka, log, &store.published().await?).await?;
        if !store.move_to(epoch, settings.lease, start.position, &start.tails).await? {
            return Err(PublishError::Deposed(epoch));
        }
        health.send_modify(|health| health.reached(start.position));
        Ok(Self { epoch, store, log, settings, health, pulse, registry, schema_id, producer, start })
    }

    /// Copies until `shutdown`.
    pub(super) async fn copy(self, shutdown: &CancellationToken) -> Result<(), PublishError> {
        // with what waits to be sent and what Kafka's client has, that is all that is in memory
        let (page_sender, pages) = mpsc::channel(1);
        let (sender, batches) = mpsc::channel(WAITING);
        tokio::select! {
            failed = self.read_pages(page_sender) => Err(failed),
            failed = self.make_batches(pages, sender) => Err(failed),
            failed = self.watch_registry() => Err(failed),
            published = self.publish_batches(batches, shutdown) => published,
        }
    }

    async fn read_pages(&self, sender: mpsc::Sender<Page>) -> PublishError {
        let mut position = self.start.position;
        loop {
            match self.read_on(position, &sender).await {
                Ok(reached) if reached == position => drop(self.log.wait_for(position + 1, self.settings.tick).await),
                Ok(reached) => position = reached,
                Err(error) => return error.into(),
            }
            if sender.is_closed() {
                // another part has ended, and says why
                return pending().await;
            }
        }
    }

    /// Reads one page, and much more if that was full: in another way, which takes longer to begin with.
    async fn read_on(&self, position: u64, sender: &mpsc::Sender<Page>) -> Result<u64, LogError> {
        let PublisherSettings { batch, batch_bytes, .. } = *self.settings;
        let page = self.log.read_after_within(position, batch, batch_bytes).await?;
        let Some(last) = page.last() else { return Ok(position) };
        let is_full = page.len() >= batch as usize || page.iter().map(SealedEntry::sealed_bytes).sum::<usize>() >= batch_bytes;
        let mut reached = last.position;
        let mut goes_on = sender.send(page).await.is_ok() && is_full;
        while goes_on {
            let further = self.log.copy_after(reached, batch, batch_bytes, sender).await?;
            goes_on = further > reached && !sender.is_closed();
            reached = further;
        }
        Ok(reached)
    }

    async fn make_batches(&self, mut pages: mpsc::Receiver<Page>, sender: mpsc::Sender<Batch>) -> PublishError {
        // a page is taken when there is room for what becomes of it
        while let Ok(room) = sender.reserve().await
            && let Some(page) = pages.recv().await
        {
            match self.make_batch(page).await {
                Ok(batch) => room.send(batch),
                Err(error) => return error,
            }
        }
        pending().await
    }

    async fn make_batch(&self, entries: Page) -> Result<Batch, PublishError> {
        let up_to = entries.last().map_or(self.start.position, |last| last.position);
        if entries.len() <= ENCODED_INLINE {
            return Ok(Batch { records: encode(&entries, &self.start, self.schema_id)?, up_to });
        }
        let encoded = chunks(entries).into_iter().map(|chunk| {
            let (start, schema_id) = (self.start.clone(), self.schema_id);
            blocking(move || encode(&chunk, &start, schema_id))
        });
        Ok(Batch { records: try_join_all(encoded).await?.into_iter().flatten().collect(), up_to })
    }

    async fn publish_batches(&self, mut batches: mpsc::Receiver<Batch>, shutdown: &CancellationToken) -> Result<(), PublishError> {
        let (mut tails, mut position, mut head_size) = (self.start.tails.clone(), self.start.position, self.start.head_size);
        let mut tick = interval(self.settings.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            self.pulse.beat();
            tokio::select! {
                Some(batch) = batches.recv() => {
                    position = self.publish(batch, &mut batches, &mut tails).await?;
                }
                _ = tick.tick() => head_size = self.publish_heads(head_size, position).await?,
                () = shutdown.cancelled() => {}
            }
            self.health.send_modify(|health| health.reached(position));
        }
        Ok(())
    }

    /// Publishes in one transaction this batch and those that come before all of it has arrived; up to which position.
    async fn publish(&self, first: Batch, more: &mut mpsc::Receiver<Batch>, tails: &mut BTreeMap<TopicPartition, u64>) -> Result<u64, PublishError> {
        let (mut next, mut left, mut position, mut begun) = (Some(first), self.settings.batches, 0, false);
        while let Some(batch) = next {
            (left, position) = (left.saturating_sub(1), batch.up_to);
            let records: Vec<Chained> = batch.records.into_iter().map(|record| chain(record, tails)).collect();
            if !records.is_empty() {
                let (producer, begins) = (Arc::clone(&self.producer), !begun);
                blocking(move || if begins { producer.begin_with(&records) } else { producer.go_on_with(&records) }).await?;
                begun = true;
            }
            next = if left > 0 { self.more_meanwhile(more, begun).await } else { None };
        }
        if begun {
            let producer = Arc::clone(&self.producer);
            blocking(move || producer.commit()).await?;
        }
        if self.store.move_to(self.epoch, self.settings.lease, position, tails).await? {
            Ok(position)
        } else {
            Err(PublishError::Deposed(self.epoch))
        }
    }

    /// What else comes while the records of a transaction are on their way, for which its commit would have to wait anyway.
    async fn more_meanwhile(&self, more: &mut mpsc::Receiver<Batch>, begun: bool) -> Option<Batch> {
        loop {
            if let Ok(batch) = more.try_recv() {
                return Some(batch);
            }
            let producer = Arc::clone(&self.producer);
            if !begun || blocking(move || producer.wait_for_all(LOOK_FOR_MORE_AFTER)).await {
                return None;
            }
        }
    }

    /// Publishes the heads of what is in Kafka; the size of the last.
    async fn publish_heads(&self, size: u64, position: u64) -> Result<u64, PublishError> {
        let heads = self.log.tree().heads_after(size, position, HEADS_AT_ONCE).await?;
        let Some((last, _)) = heads.last() else { return Ok(size) };
        let (last, producer) = (*last, Arc::clone(&self.producer));
        blocking(move || producer.publish_heads(&heads)).await?;
        Ok(last)
    }

    /// Tells a registry that has lost its memory again what it knew; ends when it then gives other ids.
    async fn watch_registry(&self) -> PublishError {
        loop {
            sleep(self.settings.check_registry_every).await;
            let asked = match self.registry.remembers(self.schema_id).await {
                Ok(true) => Ok(()),
                Ok(false) => self.registry.register().await.map(|_| ()),
                Err(error) => Err(error),
            };
            self.health.send_modify(|health| health.asked_registry(asked.as_ref().copied().map_err(|error| error as _)));
            match asked {
                Ok(()) | Err(RegistryError::Unavailable { .. } | RegistryError::Database(_)) => {}
                Err(refused) => return refused.into(),
            }
        }
    }
}

/// The envelope's id. Without the registry publishing goes on if all ids are known, for they never change.
async fn schema_id(registry: &Registry, health: &watch::Sender<PublisherHealth>) -> Result<u32, PublishError> {
    let registered = registry.register().await;
    health.send_modify(|health| health.asked_registry(registered.as_ref().map(|_| ()).map_err(|error| error as _)));
    match registered {
        Err(error @ RegistryError::Unavailable { .. }) => Ok(registry.recorded().await?.ok_or(error)?),
        other => Ok(other?),
    }
}

fn chunks(mut entries: Vec<SealedEntry>) -> Vec<Vec<SealedEntry>> {
    let mut chunks = vec![];
    while entries.len() > ENCODED_AT_ONCE {
        let rest = entries.split_off(ENCODED_AT_ONCE);
        chunks.push(std::mem::replace(&mut entries, rest));
    }
    chunks.push(entries);
    chunks
}

fn encode(entries: &[SealedEntry], start: &Start, schema_id: u32) -> Result<Vec<Record>, PublishError> {
    let mut records = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = Record::of(entry, schema_id).map_err(|source| PublishError::Event { position: entry.position, source })?;
        if !start.has(record.partition, record.position) {
            records.push(record);
        }
    }
    Ok(records)
}

/// Ties a record to the one before it in its partition.
fn chain(record: Record, tails: &mut BTreeMap<TopicPartition, u64>) -> Chained {
    let previous = tails.insert(record.partition, record.position).unwrap_or(0);
    (record, previous)
}
