//! How does a command become events?

use anamnesis_domain::Aggregate;
use anamnesis_vault::Vault;
use sqlx::PgPool;
use uuid::Uuid;

use crate::caller::Caller;
use crate::outcome::{CommandError, Committed};

/// How the journal behaves; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct JournalSettings {
    /// Statements of the append that run at the same time: while one is flushed, the next is built.
    pub append_connections: usize,
    /// Commands in one statement at most.
    pub largest_batch: usize,
    /// Commands that wait for the append at most; more callers wait for room.
    pub longest_queue: usize,
    /// Events between two snapshots of a stream.
    pub snapshot_every: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { append_connections: 2, largest_batch: 128, longest_queue: 1_024, snapshot_every: 100 }
    }
}

/// The event store. Cheap to clone; all clones share one appender.
#[derive(Clone)]
pub struct Journal {
    pool: PgPool,
    vault: Vault,
}

impl Journal {
    /// Opens the journal over a pool of the role `anamnesis_writer`. Must be called inside a tokio runtime.
    pub fn open(pool: PgPool, vault: Vault, settings: JournalSettings) -> Self {
        let _ = settings;
        Self { pool, vault }
    }

    /// Hands one command to one aggregate and appends what it decides.
    ///
    /// `expected` is the sequence that the caller has seen, if it matters: another one is refused
    /// ([`CommandError::Expected`]). Without it, a conflict is decided anew on what the stream has become.
    pub async fn execute<A: Aggregate>(
        &self,
        id: Uuid,
        command: A::Command,
        caller: &Caller,
        expected: Option<u64>,
    ) -> Result<Committed<A>, CommandError<A::Error>> {
        let _ = (&self.pool, &self.vault, id, command, caller, expected);
        Err(CommandError::Internal(anyhow::anyhow!("the append is not wired yet")))
    }

    /// As [`Journal::execute`], for a command that begins a stream: saves reading it, unless it is there already.
    pub async fn create<A: Aggregate>(&self, id: Uuid, command: A::Command, caller: &Caller) -> Result<Committed<A>, CommandError<A::Error>> {
        self.execute(id, command, caller, None).await
    }

    /// A stream's state and last sequence, if it is there and of that organization.
    pub async fn load<A: Aggregate>(&self, organization_id: Uuid, id: Uuid) -> Result<Option<(A, u64)>, CommandError<A::Error>> {
        let _ = (organization_id, id);
        Ok(None)
    }
}
