//! How does a command become events?

use std::sync::Arc;

use anamnesis_domain::Aggregate;
use anamnesis_vault::Vault;
use sqlx::PgPool;
use uuid::Uuid;

use crate::append::{Appender, Writer};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::framework::{Loaded, Repositories, Store};
use crate::outcome::{CommandError, Committed};
use crate::receipt::{Kept, Receipt};
use crate::seal::receipt;
use crate::snapshot::Snapshots;
use crate::stream::Folded;
use crate::turns::Turns;

/// How often a command is decided anew because its stream has changed meanwhile.
const MOST_ATTEMPTS: u32 = 16;

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
pub struct Journal(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    pub(crate) vault: Vault,
    pub(crate) appender: Appender,
    pub(crate) repositories: Repositories,
    pub(crate) snapshots: Snapshots,
    turns: Turns,
}

impl Journal {
    /// Opens the journal over a pool of the role `anamnesis_writer`. Must be called inside a tokio runtime.
    pub fn open(pool: PgPool, vault: Vault, settings: JournalSettings) -> Self {
        let appender = Appender::start(Writer::new(pool.clone()), settings);
        let repositories = Repositories::new(&pool);
        let snapshots = Snapshots::new(pool.clone(), vault.clone(), settings.snapshot_every);
        Self(Arc::new(Inner { pool, vault, appender, repositories, snapshots, turns: Turns::default() }))
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
        self.run(Request { id, command, caller, expected, begins: false }).await
    }

    /// As [`Journal::execute`], for a command that begins a stream: saves reading it, unless it is there already.
    pub async fn create<A: Aggregate>(&self, id: Uuid, command: A::Command, caller: &Caller) -> Result<Committed<A>, CommandError<A::Error>> {
        self.run(Request { id, command, caller, expected: None, begins: true }).await
    }

    /// A stream's present state and last sequence. `None`: there is no such stream in that organization.
    ///
    /// Nothing is recorded of it: whoever shows what the state says records that.
    pub async fn load<A: Aggregate>(&self, organization_id: Uuid, id: Uuid) -> Result<Option<(A, u64)>, CommandError<A::Error>> {
        let caller = &Caller::reading(organization_id);
        match (Store { inner: &self.0, caller }).load_stream::<A>(id).await {
            Ok(loaded) if loaded.before.sequence == 0 => Ok(None),
            Ok(loaded) => Ok(Some((loaded.before.state, loaded.before.sequence))),
            Err(Failure::Foreign) => Ok(None),
            Err(failure) => Err(failure.told()),
        }
    }

    /// The first attempt goes at once; the others take turns, so that of many who want the same stream each gets it.
    async fn run<A: Aggregate>(&self, mut request: Request<'_, A>) -> Result<Committed<A>, CommandError<A::Error>> {
        let mut turn = None;
        for _ in 0..MOST_ATTEMPTS {
            match self.attempt(&request).await {
                Err(Stopped::Failed(Failure::Conflict | Failure::KeysGone)) => {}
                Err(Stopped::Failed(Failure::Duplicate)) => return self.replay(request.caller).await,
                Err(Stopped::Failed(failure)) => return Err(failure.told()),
                Err(Stopped::Answered(error)) => return Err(error),
                Ok(committed) => return Ok(committed),
            }
            request.begins = false;
            if turn.is_none() {
                turn = Some(self.0.turns.take(request.id).await);
            }
        }
        Err(CommandError::Conflict)
    }

    async fn attempt<A: Aggregate>(&self, request: &Request<'_, A>) -> Result<Committed<A>, Stopped<A::Error>> {
        let (id, caller) = (request.id, request.caller);
        let store = Store { inner: &self.0, caller };
        let absent = || Loaded::new(id, Folded::absent());
        let found = if request.begins { Ok(absent()) } else { store.load_stream::<A>(id).await };
        // what belongs to another organization looks like what isn't there
        let is_foreign = matches!(found, Err(Failure::Foreign));
        let mut loaded = if is_foreign { absent() } else { found? };
        let before = loaded.before.sequence;
        if request.expected.is_some_and(|expected| expected != before) {
            return Err(self.unexpected(caller, before).await);
        }
        let events = match loaded.decide(request.command.clone()).await {
            Err(refusal) => return Err(self.refuse::<A>(request, before, Kept::Rule(refusal)).await),
            Ok(_) if is_foreign => return Err(Failure::Foreign.into()),
            Ok(events) => events,
        };
        match store.commit_events(events, loaded).await {
            Ok(events) => Ok(Committed { aggregate_id: id, sequence: before + events.len() as u64, events, replayed: false }),
            Err(Failure::Taken(kind)) => Err(self.refuse::<A>(request, before, Kept::Taken(kind)).await),
            Err(Failure::SlotTaken(kind)) => Err(self.refuse::<A>(request, before, Kept::SlotTaken(kind)).await),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Keeps a no, so that asking again gets the same one.
    async fn refuse<A: Aggregate>(&self, request: &Request<'_, A>, sequence: u64, kept: Kept<A::Error>) -> Stopped<A::Error> {
        match self.keep(request.caller, (A::TYPE, request.id), sequence, kept.text()).await {
            Ok(()) => Stopped::Answered(kept.into()),
            Err(failure) => Stopped::Failed(failure),
        }
    }

    async fn keep(&self, caller: &Caller, stream: (&'static str, Uuid), sequence: u64, refusal: String) -> Result<(), Failure> {
        self.0.append(receipt(&self.0.vault, caller, stream, sequence, Some(refusal)).await?).await
    }

    /// The stream isn't where the caller expects it; perhaps because this very command was carried out before.
    async fn unexpected<E>(&self, caller: &Caller, actual: u64) -> Stopped<E> {
        match Receipt::find(&self.0.pool, caller, caller.command_id).await {
            Ok(Some(_)) => Stopped::Failed(Failure::Duplicate),
            Ok(None) => Stopped::Answered(CommandError::Expected { actual }),
            Err(failure) => Stopped::Failed(failure),
        }
    }

    /// The answer that the command got the first time.
    async fn replay<A: Aggregate>(&self, caller: &Caller) -> Result<Committed<A>, CommandError<A::Error>> {
        let store = Store { inner: &self.0, caller };
        let receipt = store.known_receipt(caller.command_id).await.map_err(Failure::told)?.ok_or(CommandError::SameKeyOtherRequest)?;
        if receipt.aggregate_type != A::TYPE {
            return Err(CommandError::SameKeyOtherRequest);
        }
        if let Some(text) = &receipt.refusal {
            return Err(Kept::parse(text).map_or_else(|| Failure::broken("a receipt keeps a rule that isn't known").told(), CommandError::from));
        }
        let (aggregate_id, sequence) = (receipt.aggregate_id, receipt.last_sequence());
        let events = store.events_of_command::<A>(aggregate_id, sequence).await.map_err(Failure::told)?;
        Ok(Committed { aggregate_id, sequence, events, replayed: true })
    }
}

struct Request<'a, A: Aggregate> {
    id: Uuid,
    command: A::Command,
    caller: &'a Caller,
    expected: Option<u64>,
    begins: bool,
}

/// Why an attempt isn't the answer.
enum Stopped<E> {
    Failed(Failure),
    Answered(CommandError<E>),
}

impl<E> From<Failure> for Stopped<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
