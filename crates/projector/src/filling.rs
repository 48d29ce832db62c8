//! How do all streams become the rows of empty tables?
//!
//! In four stages that work at the same time, each on a page of its own: one reads, one opens, one folds, one seals and
//! writes with COPY. A page waits between two stages, so that memory holds a few pages and one stream's rows, however long
//! the log is. Opening and sealing, which cost most, share all cores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{LogError, SealedEntry, Unopened, open};
use anamnesis_journal::transaction;
use anamnesis_projections::kernel::{AnyRows, Projection, Schema};
use anamnesis_stream::FeedError;
use anamnesis_vault::Vault;
use sqlx::Executor as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::error::{Fault, ProjectorError};
use crate::projector::MOST_PARKED;
use crate::rebuild::Rebuild;
use crate::table::Target;
use crate::{batch, copy};

type Sealed = Vec<SealedEntry>;
type Events = Vec<Result<Recorded, Unopened>>;
/// Of every table those that no later event changes.
type Rows = Vec<Box<dyn AnyRows>>;

/// So much may be set aside: more isn't the events' fault.
const MOST_ASIDE: usize = 10 * MOST_PARKED;

/// What is to be folded with care.
#[derive(Default)]
pub(crate) struct Aside {
    /// Of a read model, whole streams: all that have these ids.
    pub(crate) streams: BTreeSet<Uuid>,
    /// Of what is only added to, single events.
    pub(crate) events: BTreeSet<u64>,
}

impl Aside {
    fn is_full(&self) -> bool {
        self.streams.len() + self.events.len() > MOST_ASIDE
    }

    fn and(mut self, other: Self) -> Self {
        self.streams.extend(other.streams);
        self.events.extend(other.events);
        self
    }
}

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
    /// Folds every stream; how many events these had, and what was set aside. `told` hears how many of how many are folded.
    pub(crate) async fn run(self, told: impl Fn(u64, u64)) -> Result<(u64, Aside), ProjectorError> {
        let total = self.rebuild.log.count_of(&self.projection.aggregate_types(), self.up_to).await.map_err(FeedError::from)?;
        let filling = Arc::new(self);
        let (read, sealed) = mpsc::channel(1);
        let (opened, events) = mpsc::channel(1);
        let (folded, rows) = mpsc::channel(1);
        let reading = spawn(Arc::clone(&filling).read(total, read));
        let opening = spawn(open_pages(filling.rebuild.vault.clone(), sealed, opened));
        let writing = spawn(Arc::clone(&filling).write(rows));
        let folding = fold_pages(filling.projection, events, folded, |events| told(events, total)).await;
        // a stage that can't go on because its neighbour is gone ends quietly: the one that failed says why
        for stage in [reading, opening] {
            stage.await.map_err(|_| ProjectorError::Interrupted)??;
        }
        let unwritten = writing.await.map_err(|_| ProjectorError::Interrupted)??;
        let (found, unfolded) = folding?;
        if found == total { Ok((total, unfolded.and(unwritten))) } else { Err(ProjectorError::Incomplete { expected: total, found }) }
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

    /// Writes rows as they come; what can't be written is set aside. Nobody waits for the disk: until the swap is confirmed,
    /// which waits for all that was written before, a server that stops takes the rebuild with it.
    async fn write(self: Arc<Self>, mut pages: mpsc::Receiver<Rows>) -> Result<Aside, ProjectorError> {
        let mut aside = Aside::default();
        while let Some(page) = pages.recv().await {
            let page: Vec<Arc<dyn AnyRows>> = page.into_iter().map(Arc::from).collect();
            match self.write_page(&page).await {
                Err(error) if matches!(error.fault(), Fault::OfEvent(_)) && !aside.is_full() => {
                    aside = aside.and(self.events_of(&page).await?);
                }
                written_or_failed => written_or_failed?,
            }
        }
        Ok(aside)
    }

    async fn write_page(&self, page: &[Arc<dyn AnyRows>]) -> Result<(), ProjectorError> {
        let mut tx = transaction::begin(&self.rebuild.owner).await?;
        tx.execute("set local synchronous_commit = off").await?;
        for (table, rows) in self.projection.tables.iter().zip(page) {
            let target = Target { schema: &self.schema, table: table.info() };
            copy::copy(&mut tx, &self.rebuild.vault, &target, self.projection.schema, Arc::clone(rows)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What the rows of a page were made from.
    async fn events_of(&self, page: &[Arc<dyn AnyRows>]) -> Result<Aside, ProjectorError> {
        let positions: BTreeSet<_> = page.iter().flat_map(|rows| rows.stamps()).map(|(_, stamp)| stamp.position).collect();
        if self.projection.schema == Schema::Audit {
            return Ok(Aside { events: positions, ..Aside::default() });
        }
        let positions: Vec<_> = positions.into_iter().map(u64::cast_signed).collect();
        let sql = "select distinct aggregate_id from journal.log where position = any($1)";
        let streams: Vec<Uuid> = sqlx::query_scalar(sql).bind(positions).fetch_all(&self.rebuild.owner).await?;
        Ok(Aside { streams: streams.into_iter().collect(), ..Aside::default() })
    }
}

/// A stage that ends with whoever waits for it.
fn spawn<T: Send + 'static>(stage: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(tokio::spawn(stage))
}

async fn open_pages(vault: Vault, mut sealed: mpsc::Receiver<Sealed>, pages: mpsc::Sender<Events>) -> Result<(), ProjectorError> {
    while let Some(page) = sealed.recv().await {
        if pages.send(open(page, &vault).await?).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn fold_pages(
    projection: &'static Projection,
    mut pages: mpsc::Receiver<Events>,
    folded: mpsc::Sender<Rows>,
    told: impl Fn(u64),
) -> Result<(u64, Aside), ProjectorError> {
    let (mut folding, mut events) = (Folding::new(projection), 0);
    while let Some(page) = pages.recv().await {
        events += page.len() as u64;
        let ended = folding.fold(page)?;
        if let Some(rows) = ended
            && folded.send(rows).await.is_err()
        {
            return Ok((events, folding.aside));
        }
        told(events);
    }
    // refused only by a writer that failed and says why
    let _ = folded.send(folding.take()).await;
    Ok((events, folding.aside))
}

/// Rows of streams that may go on in the next page.
struct Folding {
    projection: &'static Projection,
    rows: Rows,
    /// The id that the last event had. Streams of several kinds may have it.
    last: Option<Uuid>,
    /// What it couldn't fold, and what can't be folded without that.
    aside: Aside,
}

impl Folding {
    fn new(projection: &'static Projection) -> Self {
        Self { projection, rows: empty(projection), last: None, aside: Aside::default() }
    }

    /// Folds a page; the rows that are ready now, if any.
    fn fold(&mut self, page: Events) -> Result<Option<Rows>, ProjectorError> {
        let mut events = self.opened(page);
        loop {
            let carried = self.last;
            match self.fold_page(&events) {
                Err(error) if !self.aside.is_full() => self.set_aside(error, carried, &mut events)?,
                ready_or_failed => return ready_or_failed,
            }
        }
    }

    /// Those that opened, without what is set aside. Where one didn't, its whole stream is.
    fn opened(&mut self, page: Events) -> Vec<Recorded> {
        for unopened in page.iter().filter_map(|event| event.as_ref().err()) {
            match self.projection.schema {
                Schema::Audit => drop(self.aside.events.insert(unopened.position)),
                Schema::Read => drop(self.aside.streams.insert(unopened.aggregate_id)),
            }
        }
        if self.last.is_some_and(|last| self.aside.streams.contains(&last)) {
            // at the beginning of a page there are no other rows than this stream's
            self.rows = empty(self.projection);
        }
        let is_aside = |event: &Recorded| self.aside.streams.contains(&event.aggregate_id);
        page.into_iter().filter_map(Result::ok).filter(|event| !is_aside(event)).collect()
    }

    /// The fold failed at an event. What the rows say is of no use any more: whatever isn't made from this page alone is set
    /// aside as well.
    fn set_aside(&mut self, error: ProjectorError, carried: Option<Uuid>, events: &mut Vec<Recorded>) -> Result<(), ProjectorError> {
        let Some(event) = error.position().and_then(|position| events.iter().find(|event| event.position == position)) else { return Err(error) };
        match self.projection.schema {
            Schema::Audit => drop(self.aside.events.insert(event.position)),
            Schema::Read => self.aside.streams.extend(carried.into_iter().chain([event.aggregate_id])),
        }
        (self.rows, self.last) = (empty(self.projection), None);
        let Aside { streams, events: singly } = &self.aside;
        events.retain(|event| !streams.contains(&event.aggregate_id) && !singly.contains(&event.position));
        Ok(())
    }

    fn fold_page(&mut self, page: &[Recorded]) -> Result<Option<Rows>, ProjectorError> {
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
