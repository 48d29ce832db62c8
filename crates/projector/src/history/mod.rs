//! What was known of a patient at any time, what has changed since, and can it be proved?
//!
//! The past is folded from the log by the same pure functions that keep the read models up, so it is what the read
//! models said then. Nothing here knows HTTP: the edge and the command line ask the same way.

mod difference;
mod moment;
mod proof;
mod record;
mod timeline;

use std::panic::resume_unwind;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Log, LogError, SealedEntry, Unopened, open};
use anamnesis_projections::kernel::FoldError;
use anamnesis_vault::{Vault, VaultError};
use futures::future::{TryFutureExt as _, try_join, try_join3};
use tokio::task::spawn_blocking;
use uuid::Uuid;

pub use difference::{Difference, differences};
pub use moment::{Moment, NoSuchMoment};
pub use proof::{EntryProof, LogProof, prove};
pub use record::{ORDERS, Orders, PatientRecord};
pub use timeline::Told;

use record::Folding;

/// Whose streams tell of a patient. Of others, a subject may be an organization or a provider: that isn't for those who
/// may see patients.
pub const AGGREGATES: &[&str] = &["patient", "consent", "appointment", "record", "document", "insight", "prediction"];

/// Entries read at once.
const ENTRIES_AT_ONCE: u32 = 1_000;

/// Why the past can't be told. Says where, never what stood there.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Keys can't be looked up.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An event doesn't open.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// An event that a fold can't take.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The tree or its signed head can't be read.
    #[error(transparent)]
    Tree(#[from] anamnesis_journal::follower::TreeError),
}

impl HistoryError {
    /// Whether trying again may help: something didn't answer, as opposed to something being wrong.
    pub fn is_passing(&self) -> bool {
        use anamnesis_journal::follower::TreeError;
        match self {
            Self::Log(LogError::Database(_)) | Self::Tree(TreeError::Database(_)) | Self::Vault(_) => true,
            Self::Log(_) | Self::Tree(_) | Self::Unopened(_) | Self::Fold(_) => false,
        }
    }
}

/// The past of one organization.
#[derive(Clone, Debug)]
pub struct History {
    log: Log,
    vault: Vault,
    organization: Uuid,
}

impl History {
    /// The past that this log tells of an organization; another's is as if it weren't there.
    pub fn new(log: Log, vault: Vault, organization: Uuid) -> Self {
        Self { log, vault, organization }
    }

    /// All that happened to a patient up to a position, opened.
    pub async fn of_patient(&self, patient: Uuid, up_to: u64) -> Result<Vec<Recorded>, HistoryError> {
        self.page_of_patient(patient, &Part::up_to(up_to)).await
    }

    /// What was known of a patient at a position. However much that is, no more than a few pages of events are held.
    pub async fn record_of(&self, patient: Uuid, position: u64) -> Result<PatientRecord, HistoryError> {
        let part = Part::up_to(position);
        let (mut reading, mut folding, mut events) = (Reading::of(self, patient, &part), Folding::default(), Vec::new());
        let mut read = reading.next().await?;
        while let Some(entries) = read {
            // one page is folded while the next one is opened and another one comes
            let folded = beside(move || folding.fold(&events).map(|()| folding));
            let (folded, opened, next) = try_join3(folded.map_err(HistoryError::from), self.open(entries), reading.next()).await?;
            (folding, events, read) = (folded, opened, next);
        }
        Ok(beside(move || folding.fold(&events).map(|()| folding.into_record())).await?)
    }

    /// Part of what happened to a patient, opened.
    pub async fn page_of_patient(&self, patient: Uuid, part: &Part) -> Result<Vec<Recorded>, HistoryError> {
        let (mut reading, mut told) = (Reading::of(self, patient, part), Vec::new());
        let mut read = reading.next().await?;
        while let Some(entries) = read {
            // one page is opened while the next one comes
            let (opened, next) = try_join(self.open(entries), reading.next()).await?;
            told.extend(opened);
            read = next;
        }
        Ok(told)
    }

    /// Part of what happened to a patient, sealed.
    pub async fn entries_of_patient(&self, patient: Uuid, part: &Part) -> Result<Vec<SealedEntry>, HistoryError> {
        let (mut reading, mut found) = (Reading::of(self, patient, part), Vec::new());
        while let Some(entries) = reading.next().await? {
            found.extend(entries);
        }
        Ok(found)
    }

    /// Whom a stream is about, by its first event; none: nothing has happened in it.
    pub async fn subject(&self, aggregate_type: &str, id: Uuid) -> Result<Option<Uuid>, HistoryError> {
        let first = self.log.of_stream(aggregate_type, id, 0, 1).await?;
        Ok(first.first().filter(|entry| self.is_ours(entry)).map(|entry| entry.subject_id))
    }

    /// All that happened in one stream up to a position, opened.
    pub async fn of_stream(&self, aggregate_type: &str, id: Uuid, up_to: u64) -> Result<Vec<Recorded>, HistoryError> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let entries = self.log.of_stream(aggregate_type, id, after, ENTRIES_AT_ONCE).await?;
            let is_last = entries.len() < ENTRIES_AT_ONCE as usize || entries.last().is_some_and(|entry| entry.position >= up_to);
            after = entries.last().map_or(after, |entry| entry.sequence);
            found.extend(entries.into_iter().filter(|entry| self.is_ours(entry) && entry.position <= up_to));
            if is_last {
                return self.open(found).await;
            }
        }
    }

    async fn open(&self, entries: Vec<SealedEntry>) -> Result<Vec<Recorded>, HistoryError> {
        let opened = open(entries, &self.vault).await?;
        Ok(opened.into_iter().collect::<Result<_, _>>()?)
    }

    fn is_ours(&self, entry: &SealedEntry) -> bool {
        entry.organization_id == self.organization
    }
}

/// Computes on a thread of its own, for this may take long.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(died) => resume_unwind(died.into_panic()),
    }
}

/// Reads a part of a patient's past, page after page.
struct Reading<'a> {
    history: &'a History,
    patient: Uuid,
    part: &'a Part,
    after: u64,
    left: usize,
}

impl<'a> Reading<'a> {
    fn of(history: &'a History, patient: Uuid, part: &'a Part) -> Self {
        Self { history, patient, part, after: part.after, left: part.limit }
    }

    /// What of the next page is meant, if anything is left.
    async fn next(&mut self) -> Result<Option<Vec<SealedEntry>>, HistoryError> {
        if self.left == 0 {
            return Ok(None);
        }
        let Self { history, part, .. } = *self;
        let mut entries = history.log.of_subject(self.patient, self.after, part.up_to, ENTRIES_AT_ONCE).await?;
        let is_last = entries.len() < ENTRIES_AT_ONCE as usize;
        self.after = entries.last().map_or(self.after, |entry| entry.position);
        entries.retain(|entry| history.is_ours(entry) && part.takes(entry));
        entries.truncate(self.left);
        self.left = if is_last { 0 } else { self.left - entries.len() };
        Ok(Some(entries))
    }
}

/// Which part of a patient's past.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Later positions than this.
    pub after: u64,
    /// No later position than this.
    pub up_to: u64,
    /// Of this aggregate only.
    pub aggregate: Option<&'static str>,
    /// At most so many events.
    pub limit: usize,
}

impl Part {
    /// All that happened up to a position.
    pub fn up_to(position: u64) -> Self {
        Self { after: 0, up_to: position, aggregate: None, limit: usize::MAX }
    }

    fn takes(&self, entry: &SealedEntry) -> bool {
        AGGREGATES.contains(&entry.aggregate_type.as_str()) && self.aggregate.is_none_or(|name| entry.aggregate_type == name)
    }
}
