//! How does a command become events?

use std::sync::Arc;

use anamnesis_domain::{Aggregate, Refusal};
use anamnesis_loops::Loops;
use anamnesis_vault::Vault;
use sqlx::PgPool;
use uuid::Uuid;

use crate::append::{Append, Appender, Appends, Verdict, Writer};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::framework::{Loaded, Repository, Source, Store};
use crate::group::Streams;
use crate::outcome::{CommandError, Committed};
use crate::reading::Reading;
use crate::receipt::Kept;
use crate::seal::receipt;
use crate::snapshot::Snapshots;
use crate::states::States;
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
    /// Memory for the states of streams that were changed lately, in bytes; it is estimated. 0: none is kept.
    pub states_bytes: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { append_connections: 2, largest_batch: 128, longest_queue: 1_024, snapshot_every: 100, states_bytes: 64 << 20 }
    }
}

/// The event store. Cheap to clone; all clones share one appender.
#[derive(Clone)]
pub struct Journal(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    pub(crate) vault: Vault,
    pub(crate) appender: Appender,
    pub(crate) reading: Reading,
    pub(crate) repository: Repository,
    pub(crate) snapshots: Snapshots,
    pub(crate) states: States,
    pub(crate) turns: Turns,
}

impl Journal {
    /// Opens the journal over a pool of the role `anamnesis_writer`. Must be called inside a tokio runtime.
    pub fn open(pool: PgPool, vault: Vault, settings: JournalSettings) -> Self {
        Self::open_watched(pool, vault, settings, &Loops::default())
    }

    /// As [`Journal::open`]; the tasks that read and append are among these loops.
    pub fn open_watched(pool: PgPool, vault: Vault, settings: JournalSettings, loops: &Loops) -> Self {
        let appender = Appender::start(Writer::new(&pool, settings.append_connections), settings, loops);
        let (reading, repository) = (Reading::start(pool.clone(), loops), Repository::new(&pool));
        let snapshots = Snapshots::new(pool.clone(), vault.clone(), settings.snapshot_every);
        let (states, turns) = (States::new(settings.states_bytes), Turns::default());
        Self(Arc::new(Inner { pool, vault, appender, reading, repository, snapshots, states, turns }))
    }

    /// What it has sent to the database.
    pub fn appends(&self) -> Appends {
        self.0.appender.appends()
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
        self.run(Request { id, command, caller, expected, source: Source::Memory }).await
    }

    /// As [`Journal::execute`], for a command that begins a stream: saves reading it, unless it is there already.
    pub async fn create<A: Aggregate>(&self, id: Uuid, command: A::Command, caller: &Caller) -> Result<Committed<A>, CommandError<A::Error>> {
        self.run(Request { id, command, caller, expected: None, source: Source::Nowhere }).await
    }

    /// A stream's present state and last sequence. `None`: there is no such stream in that organization.
    ///
    /// Nothing is recorded of it: whoever shows what the state says records that.
    pub async fn load<A: Aggregate>(&self, organization_id: Uuid, id: Uuid) -> Result<Option<(A, u64)>, CommandError<A::Error>> {
        let caller = &Caller::reading(organization_id);
        match (Store { inner: &self.0, caller }).load_stream::<A>(id).await {
            Ok(loaded) if loaded.before.sequence == 0 => Ok(None),
            Ok(loaded) => Ok(Some((loaded.state().clone(), loaded.before.sequence))),
            Err(Failure::Foreign) => Ok(None),
            Err(failure) => Err(failure.told()),
        }
    }

    /// The first attempt goes at once; the others take turns, so that of many who want the same stream each gets it.
    async fn run<A: Aggregate>(&self, mut request: Request<'_, A>) -> Result<Committed<A>, CommandError<A::Error>> {
        let store = Store { inner: &self.0, caller: request.caller };
        let mut turns = Vec::new();
        for _ in 0..MOST_ATTEMPTS {
            let failure = match attempt(&request, &store).await {
                Ok(committed) => return Ok(committed),
                Err(Stopped::Failed(Failure::Outdated)) => {
                    request.source = Source::Journal;
                    continue;
                }
                Err(Stopped::Failed(Failure::Conflict | Failure::KeysGone)) => {
                    request.source = Source::Journal;
                    if turns.is_empty() {
                        turns = self.0.turns.take([request.id]).await;
                    }
                    continue;
                }
                Err(Stopped::Failed(failure)) => store.unless_replayed(failure).await,
                Err(Stopped::Kept(kept)) => match keep(&request, &store, &kept).await {
                    Ok(()) => return Err(kept.into()),
                    Err(failure) => failure,
                },
            };
            let is_duplicate = matches!(failure, Failure::Duplicate);
            return if is_duplicate { replay(&store).await } else { Err(failure.told()) };
        }
        Err(CommandError::Conflict)
    }
}

impl Inner {
    /// Appends one command, and forgets the keys that turn out to be gone.
    pub(crate) async fn append(&self, append: Append) -> Result<(), Failure> {
        let new_key = append.new_key.clone();
        self.judge(self.appender.append(append).await?)?;
        if let Some(new_key) = &new_key {
            self.vault.stored(new_key);
        }
        Ok(())
    }

    pub(crate) fn judge(&self, verdict: Verdict) -> Result<(), Failure> {
        if let Verdict::KeysGone(keys) = &verdict {
            for key_id in keys {
                self.vault.forget(*key_id);
            }
        }
        verdict.into()
    }
}

async fn attempt<A: Aggregate>(request: &Request<'_, A>, store: &Store<'_>) -> Result<Committed<A>, Stopped<A::Error>> {
    let id = request.id;
    let absent = || Loaded::<A>::new(id, Folded::absent());
    let found = store.stream_from(request.source, id).await;
    // what belongs to another organization looks like what isn't there
    let is_foreign = matches!(found, Err(Failure::Foreign));
    let mut loaded = if is_foreign { absent() } else { found? };
    let (before, is_remembered) = (loaded.before.sequence, loaded.is_remembered());
    if request.expected.is_some_and(|expected| expected != before) {
        return Err(if is_remembered { Failure::Outdated } else { Failure::Expected(before) }.into());
    }
    let (grounds, places) = match Streams::default().grounds(&loaded.state().grounds(&request.command), store).await {
        // they may be those of yesterday
        Err(Failure::Erased) if is_remembered => return Err(Failure::Outdated.into()),
        read => read?,
    };
    let events = match loaded.decide(request.command.clone(), &grounds).await {
        Err(_) if is_remembered => return Err(Failure::Outdated.into()),
        Err(refusal) => return Err(Stopped::Kept(Kept::Rule(refusal))),
        Ok(events) if is_remembered && events.is_empty() => return Err(Failure::Outdated.into()),
        Ok(_) if is_foreign => return Err(Failure::Foreign.into()),
        Ok(events) => events,
    };
    let events = store.append(events, loaded, places).await?;
    Ok(Committed { aggregate_id: id, sequence: before + events.len() as u64, events, replayed: false })
}

/// Keeps a no, so that asking again gets the same one.
async fn keep<A: Aggregate>(request: &Request<'_, A>, store: &Store<'_>, kept: &Kept<A::Error>) -> Result<(), Failure> {
    let text = kept.text(Refusal::rule);
    store.inner.append(receipt(&store.inner.vault, store.caller, (A::TYPE, request.id), text).await?).await
}

/// The answer that the command got the first time.
async fn replay<A: Aggregate>(store: &Store<'_>) -> Result<Committed<A>, CommandError<A::Error>> {
    let receipt = store.known_receipt(store.caller.command_id).await.map_err(Failure::told)?;
    let receipt = receipt.filter(|receipt| receipt.aggregate_type == A::TYPE).ok_or(CommandError::SameKeyOtherRequest)?;
    if let Some(text) = &receipt.refusal {
        return Err(Kept::parse(text).map_or_else(|| Failure::broken("a receipt keeps a rule that isn't known").told(), CommandError::from));
    }
    let (aggregate_id, sequence) = (receipt.aggregate_id, receipt.last_sequence());
    let events = store.events_of_command::<A>(aggregate_id, sequence).await.map_err(Failure::told)?;
    Ok(Committed { aggregate_id, sequence, events, replayed: true })
}

struct Request<'a, A: Aggregate> {
    id: Uuid,
    command: A::Command,
    caller: &'a Caller,
    expected: Option<u64>,
    /// Where its stream's state is taken from.
    source: Source,
}

/// Why an attempt isn't the answer.
enum Stopped<E> {
    Failed(Failure),
    Kept(Kept<E>),
}

impl<E> From<Failure> for Stopped<E> {
    fn from(failure: Failure) -> Self {
        Kept::of(failure).map_or_else(Self::Failed, Self::Kept)
    }
}
