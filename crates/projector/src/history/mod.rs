//! What was known of a patient at any time, what has changed since, and can it be proved?
//!
//! The past is folded from the log by the same pure functions that keep the read models up, so it is what the read
//! models said then. Nothing here knows HTTP: the edge and the command line ask the same way.

mod difference;
mod moment;
mod proof;
mod record;
mod timeline;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Log, LogError, SealedEntry, Unopened, open};
use anamnesis_projections::kernel::FoldError;
use anamnesis_vault::{Vault, VaultError};
use uuid::Uuid;

pub use difference::{Difference, differences};
pub use moment::{Moment, NoSuchMoment};
pub use proof::{EntryProof, LogProof, prove};
pub use record::{ORDERS, Orders, PatientRecord};
pub use timeline::Told;

/// Whose streams tell of a patient. Of others, a subject may be an organization or a provider: that isn't for those who
/// may see patients.
pub const AGGREGATES: &[&str] = &["patient", "consent", "appointment", "record", "insight"];

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
        self.page_of_patient(patient, &Part { after: 0, up_to, aggregate: None, limit: usize::MAX }).await
    }

    /// Part of what happened to a patient, opened.
    pub async fn page_of_patient(&self, patient: Uuid, part: &Part) -> Result<Vec<Recorded>, HistoryError> {
        self.open(self.entries_of_patient(patient, part).await?).await
    }

    /// Part of what happened to a patient, sealed.
    pub async fn entries_of_patient(&self, patient: Uuid, part: &Part) -> Result<Vec<SealedEntry>, HistoryError> {
        let (mut found, mut after) = (Vec::new(), part.after);
        loop {
            let entries = self.log.of_subject(patient, after, part.up_to, ENTRIES_AT_ONCE).await?;
            let is_last = entries.len() < ENTRIES_AT_ONCE as usize;
            after = entries.last().map_or(after, |entry| entry.position);
            found.extend(entries.into_iter().filter(|entry| self.is_ours(entry) && part.takes(entry)));
            if is_last || found.len() >= part.limit {
                found.truncate(part.limit);
                return Ok(found);
            }
        }
    }

    /// Whether anything has happened in that stream.
    pub async fn has(&self, aggregate_type: &str, id: Uuid) -> Result<bool, HistoryError> {
        let first = self.log.of_stream(aggregate_type, id, 0, 1).await?;
        Ok(first.first().is_some_and(|entry| self.is_ours(entry)))
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
    fn takes(&self, entry: &SealedEntry) -> bool {
        AGGREGATES.contains(&entry.aggregate_type.as_str()) && self.aggregate.is_none_or(|name| entry.aggregate_type == name)
    }
}
