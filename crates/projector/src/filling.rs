//! How do all streams become the rows of empty tables?
//!
//! In four stages that work at the same time, each on a page of its own: one reads, one opens, one folds, one seals and
//! writes with COPY. A page waits between two stages, so that memory holds a few pages and one stream's rows, however long
//! the log is. Opening and sealing, which cost most, share all cores.

use std::collections::BTreeMap;
use std::sync::Arc;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{LogError, SealedEntry, Unopened, open};
use anamnesis_projections::kernel::{AnyRows, Projection, Schema};
use anamnesis_stream::FeedError;
use anamnesis_vault::Vault;
use sqlx::Connection as _;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::rebuild::Rebuild;
use crate::table::Target;
use crate::{batch, copy};

type Sealed = Vec<SealedEntry>;
type Events = Vec<Recorded>;
/// Of every table those that no later event changes.
type Rows = Vec<Box<dyn AnyRows>>;

/// Fills the empty tables of a projection.
pub(crate) struct Filling {
    pub(crate) rebuild: Rebuild,
    pub(crate) projection: &'static Projection,
    /// Where the tables stand.
    pub(crate) schema: String,
    /// The position as of which streams are folded.
    pub(crate) up_to: u64,
}

impl Filling {
    /// Folds every stream; how many events these had. `told` hears how many of how many are folded.
    pub(crate) async fn run(self, told: impl Fn(u64, u64)) -> Result<u64, ProjectorError> {
        let total = self.rebuild.log.count_of(&self.projection.aggregate_types(), self.up_to).await.map_err(FeedError::from)?;
        let filling = Arc::new(self);
        let (read, sealed) = mpsc::channel(1);
        let (opened, events) = mpsc::channel(1);
        let (folded, rows) = mpsc::channel(1);
        let reading = tokio::spawn(Arc::clone(&filling).read(total, read));
        let opening = tokio::spawn(open_pages(filling.rebuild.vault.clone(), sealed, opened));
        let writing = tokio::spawn(Arc::clone(&filling).write(rows));
        let folding = fold_pages(filling.projection, events, folded, |events| told(events, total)).await;
        // a stage that can't go on because its neighbour is gone ends quietly: the one that failed says why
        for stage in [reading, opening, writing] {
            stage.await.map_err(|_| ProjectorError::Interrupted)??;
        }
        let found = folding?;
        if found == total { Ok(total) } else { Err(ProjectorError::Incomplete { expected: total, found }) }
    }

    /// Reads page after page until `total` entries have come, or no more come.
    async fn read(self: Arc<Self>, total: u64, pages: mpsc::Sender<Sealed>) -> Result<(), ProjectorError> {
        let Rebuild { log, page, .. } = &self.rebuild;
        let (types, mut last, mut dense, mut left) = (self.projection.aggregate_types(), None, Dense::default(), total);
        while left > 0 {
            let entries = log.in_stream_order(&types, last.as_ref(), self.up_to, *page).await.map_err(FeedError::from)?;
            if entries.is_empty() {
                break;
            }
            entries.iter().try_for_each(|entry| dense.follow(entry)).map_err(FeedError::from)?;
            left = left.saturating_sub(entries.len() as u64);
            last = entries.last().cloned();
            if pages.send(entries).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Writes rows as they come. Nobody waits for the disk: until the swap is confirmed, which waits for all that was
    /// written before, a server that stops takes the rebuild with it.
    async fn write(self: Arc<Self>, mut pages: mpsc::Receiver<Rows>) -> Result<(), ProjectorError> {
        let Rebuild { owner, vault, .. } = &self.rebuild;
        let mut connection = owner.acquire().await?;
        while let Some(page) = pages.recv().await {
            let mut tx = connection.begin_with("begin; set local synchronous_commit = off").await?;
            for (table, rows) in self.projection.tables.iter().zip(page) {
                let target = Target { schema: &self.schema, table: table.info() };
                copy::copy(&mut tx, vault, &target, self.projection.schema, rows).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn open_pages(vault: Vault, mut sealed: mpsc::Receiver<Sealed>, pages: mpsc::Sender<Events>) -> Result<(), ProjectorError> {
    while let Some(page) = sealed.recv().await {
        if pages.send(opened(page, &vault).await?).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Opens entries, all or none.
pub(crate) async fn opened(entries: Vec<SealedEntry>, vault: &Vault) -> Result<Vec<Recorded>, ProjectorError> {
    let poison = |unopened: Unopened| ProjectorError::Poison(Box::new(unopened));
    open(entries, vault).await?.into_iter().map(|entry| entry.map_err(poison)).collect()
}

async fn fold_pages(
    projection: &'static Projection,
    mut pages: mpsc::Receiver<Events>,
    folded: mpsc::Sender<Rows>,
    told: impl Fn(u64),
) -> Result<u64, ProjectorError> {
    let (mut folding, mut events) = (Folding::new(projection), 0);
    while let Some(page) = pages.recv().await {
        let ended = folding.fold(&page)?;
        events += page.len() as u64;
        if let Some(rows) = ended
            && folded.send(rows).await.is_err()
        {
            return Ok(events);
        }
        told(events);
    }
    // refused only by a writer that failed and says why
    let _ = folded.send(folding.take()).await;
    Ok(events)
}

/// Rows of streams that may go on in the next page.
struct Folding {
    projection: &'static Projection,
    rows: Rows,
    /// The id that the last event had. Streams of several kinds may have it.
    last: Option<Uuid>,
}

impl Folding {
    fn new(projection: &'static Projection) -> Self {
        Self { projection, rows: empty(projection), last: None }
    }

    /// Folds a page; the rows that are ready now, if any.
    fn fold(&mut self, page: &[Recorded]) -> Result<Option<Rows>, ProjectorError> {
        // what is only added to is never changed by a later event
        if self.projection.schema == Schema::Audit {
            self.fold_in_memory(page)?;
            return Ok(Some(self.take()));
        }
        let last = page.last().map(|event| event.aggregate_id);
        let (ended, going_on) = page.split_at(page.partition_point(|event| Some(event.aggregate_id) != last));
        self.fold_in_memory(ended)?;
        let ready = (self.last != last).then(|| self.take());
        self.last = last;
        self.fold_in_memory(going_on)?;
        Ok(ready)
    }

    fn fold_in_memory(&mut self, events: &[Recorded]) -> Result<(), ProjectorError> {
        for (table, rows) in self.projection.tables.iter().zip(&mut self.rows) {
            let events: Vec<_> = events.iter().filter(|event| table.streams().include(event.aggregate_type)).collect();
            batch::fold_in_memory(rows.as_mut(), table.info().name, &events)?;
        }
        Ok(())
    }

    fn take(&mut self) -> Rows {
        std::mem::replace(&mut self.rows, empty(self.projection))
    }
}

fn empty(projection: &Projection) -> Rows {
    projection.tables.iter().map(|table| table.rows()).collect()
}

/// The streams of one id, to notice when one of their events is missing.
#[derive(Default)]
struct Dense {
    id: Uuid,
    /// The last sequence, by kind: streams of several kinds may have the same id.
    last: BTreeMap<String, u64>,
}

impl Dense {
    fn follow(&mut self, entry: &SealedEntry) -> Result<(), LogError> {
        if entry.aggregate_id != self.id {
            self.id = entry.aggregate_id;
            self.last.clear();
        }
        let last = self.last.entry(entry.aggregate_type.clone()).or_default();
        *last += 1;
        if entry.sequence == *last {
            return Ok(());
        }
        Err(LogError::StreamGap { aggregate_type: entry.aggregate_type.clone(), aggregate_id: entry.aggregate_id, expected: *last })
    }
}
