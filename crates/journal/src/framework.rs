//! How does the event store look to cqrs-es? This is the only file that knows cqrs-es and postgres-es.
//!
//! Our aggregates are pure; [`Framework`] makes one into what cqrs-es calls an aggregate. [`Store`] is its event store:
//! single streams are read by postgres-es's repository, commits go through the sealed append. postgres-es's own way of
//! writing is never used (it writes in the clear, an event a round trip), nor are its snapshots (they double commands)
//! nor its streams and queries (they lose events).

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;

use anamnesis_codec::Fingerprint;
use anamnesis_domain::{Aggregate, Event};
use anamnesis_vault::Opened;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, PersistenceError, SerializedEvent};
use cqrs_es::{AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::PgPool;
use uuid::Uuid;

use crate::caller::Caller;
use crate::failure::Failure;
use crate::journal::Inner;
use crate::outcome::CommittedEvent;
use crate::seal::{Change, owner, seal};
use crate::stream::{Folded, Stored, StoredEvent, StoredSnapshot, open};

#[cfg(test)]
mod tests;

/// One of our aggregates, as cqrs-es wants it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(bound = "", transparent)]
pub(crate) struct Framework<A: Aggregate>(pub(crate) A);

/// One of our events, as cqrs-es wants it. Shared, because its sink clones each event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FrameworkEvent<E: Event>(Arc<E>);

impl<E: Event> FrameworkEvent<E> {
    pub(crate) fn new(event: E) -> Self {
        Self(Arc::new(event))
    }

    fn into_event(self) -> E {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<E: Event> Serialize for FrameworkEvent<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, E: Event> Deserialize<'de> for FrameworkEvent<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        E::deserialize(deserializer).map(Self::new)
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Framework<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = A::Command;
    type Event = FrameworkEvent<A::Event>;
    type Error = A::Error;
    type Services = ();

    async fn handle(&mut self, command: A::Command, (): &(), sink: &EventSink<Self>) -> Result<(), A::Error> {
        for event in self.0.decide(command)? {
            sink.write(FrameworkEvent::new(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.0 = std::mem::take(&mut self.0).evolve(&event.0);
    }
}

impl<E: Event> DomainEvent for FrameworkEvent<E> {
    fn event_type(&self) -> String {
        self.0.kind().name.to_owned()
    }

    fn event_version(&self) -> String {
        self.0.kind().version.to_string()
    }
}

/// A stream that was read, and what a command makes of it.
pub(crate) struct Loaded<A: Aggregate> {
    pub(crate) id: Uuid,
    pub(crate) before: Folded<A>,
    /// It wasn't even looked for: the command begins it.
    is_new: bool,
    aggregate: Framework<A>,
}

impl<A: Aggregate> Loaded<A> {
    pub(crate) fn new(id: Uuid, before: Folded<A>) -> Self {
        let aggregate = Framework(before.state.clone());
        Self { id, before, is_new: false, aggregate }
    }

    /// A stream that the command begins, without looking whether it is there.
    pub(crate) fn begun(id: Uuid) -> Self {
        Self { is_new: true, ..Self::new(id, Folded::absent()) }
    }

    /// The state with all that was decided in it.
    pub(crate) fn state(&self) -> &A {
        &self.aggregate.0
    }

    /// Lets the aggregate decide. Its state afterwards has the events in it.
    pub(crate) async fn decide(&mut self, command: A::Command) -> Result<Vec<A::Event>, A::Error> {
        let sink = EventSink::default();
        cqrs_es::Aggregate::handle(self.aggregate(), command, &(), &sink).await?;
        Ok(sink.collect().await.into_iter().map(FrameworkEvent::into_event).collect())
    }
}

impl<A: Aggregate> AggregateContext<Framework<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Framework<A> {
        &mut self.aggregate
    }
}

/// postgres-es's repositories over our tables. It pastes the table's name into its SQL, which ends with
/// `where aggregate_type = $1 and aggregate_id = $2 order by sequence`; so the "names" here are the way to the primary key.
pub(crate) struct Repositories {
    from_snapshot: PostgresEventRepository,
    whole: PostgresEventRepository,
}

const FROM_SNAPSHOT: &str = "journal.stream_from_snapshot($1, $2)";
const WHOLE: &str = "(select aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata
    from journal.streams where stream_id = $2::uuid) as stream";
const NEVER_USED: &str = "journal.snapshots";

impl Repositories {
    pub(crate) fn new(pool: &PgPool) -> Self {
        let over = |table| PostgresEventRepository::new(pool.clone()).with_tables(table, NEVER_USED);
        Self { from_snapshot: over(FROM_SNAPSHOT), whole: over(WHOLE) }
    }
}

/// The event store, in the name of a caller.
pub(crate) struct Store<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) caller: &'a Caller,
}

impl<A: Aggregate> EventStore<Framework<A>> for Store<'_> {
    type AC = Loaded<A>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
        let stored = read::<A>(&self.inner.repositories.whole, id).await.map_err(told)?;
        let events = self.opened::<A>(id, stored).await.map_err(told)?;
        Ok(events.into_iter().map(|(event, columns)| envelope(id, event, columns)).collect())
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        self.load(id).await.map_err(told)
    }

    /// The caller's context takes the metadata's place.
    async fn commit(
        &self,
        events: Vec<FrameworkEvent<A::Event>>,
        context: Loaded<A>,
        _metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
        let (id, events) = (context.id.to_string(), events.into_iter().map(FrameworkEvent::into_event).collect());
        let committed = self.append(events, context).await.map_err(told)?;
        let columns = |event_id: Uuid| HashMap::from([(EVENT_ID.to_owned(), event_id.to_string())]);
        Ok(committed.into_iter().map(|event| (columns(event.event_id), event)).map(|(columns, event)| envelope(&id, event, columns)).collect())
    }
}

/// What the bus needs, in our own words.
impl Store<'_> {
    /// The stream's state.
    pub(crate) async fn load_stream<A: Aggregate>(&self, id: Uuid) -> Result<Loaded<A>, Failure> {
        self.load_aggregate(&id.to_string()).await.map_err(Failure::of::<A::Error>)
    }

    /// The caller's command's events in a stream, up to its last one.
    pub(crate) async fn events_of_command<A: Aggregate>(&self, id: Uuid, last: u64) -> Result<Vec<CommittedEvent<A::Event>>, Failure> {
        let id = id.to_string();
        let mut stored = read::<A>(&self.inner.repositories.whole, &id).await?;
        stored.retain(|row| matches!(row, Stored::Event(event) if event.command_id == self.caller.command_id && event.sequence <= last));
        Ok(self.opened::<A>(&id, stored).await?.into_iter().map(|(event, _)| event).collect())
    }
}

impl Store<'_> {
    async fn load<A: Aggregate>(&self, id: &str) -> Result<Loaded<A>, Failure> {
        let repositories = &self.inner.repositories;
        let mut folded = self.fold(id, read::<A>(&repositories.from_snapshot, id).await?).await?;
        if folded.is_none() {
            folded = self.fold(id, read::<A>(&repositories.whole, id).await?).await?;
        }
        let folded = folded.ok_or(Failure::broken("a stream's events begin with a snapshot"))?;
        Ok(Loaded::new(parse(id)?, folded))
    }

    /// `None` when it begins with a snapshot that is of no use.
    async fn fold<A: Aggregate>(&self, id: &str, stored: Vec<Stored>) -> Result<Option<Folded<A>>, Failure> {
        self.check_organization(&stored)?;
        let (id, keys) = (parse(id)?, self.inner.vault.open_keys(&key_ids(&stored)).await?);
        let mut folded = Folded::absent();
        for row in &stored {
            folded = match row {
                Stored::Event(event) => folded.then(id, event, &keys)?,
                Stored::Snapshot(snapshot) if snapshot.version == A::SNAPSHOT_VERSION => match Folded::from_snapshot(id, snapshot, &keys) {
                    Some(folded) => folded,
                    None => return Ok(None),
                },
                Stored::Snapshot(_) => return Ok(None),
            };
        }
        Ok(Some(folded))
    }

    /// The events with what stands beside them. [`Failure::Erased`] if one of them was erased.
    async fn opened<A: Aggregate>(&self, id: &str, stored: Vec<Stored>) -> Result<Vec<(CommittedEvent<A::Event>, Columns)>, Failure> {
        self.check_organization(&stored)?;
        let (id, keys) = (parse(id)?, self.inner.vault.open_keys(&key_ids(&stored)).await?);
        stored
            .into_iter()
            .filter_map(|row| match row {
                Stored::Event(event) => Some(event),
                Stored::Snapshot(_) => None,
            })
            .map(|stored| match open::<A>(id, &stored, &keys)? {
                Opened::Erased => Err(Failure::Erased),
                Opened::Value(event) => Ok((CommittedEvent { event_id: stored.event_id, sequence: stored.sequence, event }, stored.columns)),
            })
            .collect()
    }

    fn check_organization(&self, stored: &[Stored]) -> Result<(), Failure> {
        let is_foreign = |row: &Stored| row.organization_id() != self.caller.organization_id;
        if stored.iter().any(is_foreign) { Err(Failure::Foreign) } else { Ok(()) }
    }

    /// Appends what was decided on that state.
    pub(crate) async fn append<A: Aggregate>(&self, events: Vec<A::Event>, context: Loaded<A>) -> Result<Vec<CommittedEvent<A::Event>>, Failure> {
        let Loaded { id, before, is_new, aggregate: Framework(state) } = context;
        let append = seal(
            &self.inner.vault,
            self.caller,
            id,
            Change { before: before.state, after: &state, sequence: before.sequence, events: &events },
            is_new,
        )
        .await?;
        let organization = self.caller.organization_id;
        let subjects = append.events.iter().fold(before.subjects, |subjects, event| subjects.and(event.subject_id, organization));
        let last = append.last_sequence;
        let ids: Vec<Uuid> = append.events.iter().map(|event| event.event_id).collect();
        self.inner.append(append).await?;
        if let Some(event) = events.last() {
            let owner = owner(organization, state.subject(id, event));
            self.inner.snapshots.consider(owner, id, before.sequence, Folded { state, sequence: last, subjects });
        }
        let committed = |((event, event_id), sequence)| CommittedEvent { event_id, sequence, event };
        Ok(events.into_iter().zip(ids).zip(before.sequence + 1..).map(committed).collect())
    }
}

const EVENT_ID: &str = "event_id";

/// What stands beside an event, by the columns' names: cqrs-es's metadata.
type Columns = HashMap<String, String>;

fn envelope<A: Aggregate>(id: &str, event: CommittedEvent<A::Event>, metadata: Columns) -> EventEnvelope<Framework<A>> {
    let sequence = usize::try_from(event.sequence).expect("this is a 64-bit program");
    EventEnvelope { aggregate_id: id.to_owned(), sequence, payload: FrameworkEvent::new(event.event), metadata }
}

async fn read<A: Aggregate>(repository: &PostgresEventRepository, id: &str) -> Result<Vec<Stored>, Failure> {
    let rows = repository.get_events::<Framework<A>>(id).await.map_err(|error| match error {
        PersistenceError::ConnectionError(error) | PersistenceError::UnknownError(error) | PersistenceError::DeserializationError(error) => {
            of_database(error)
        }
        PersistenceError::OptimisticLockError => Failure::broken("reading met an optimistic lock"),
    })?;
    rows.into_iter().map(|row| Stored::parse(row).ok_or(Failure::broken("a row of a stream isn't what was written"))).collect()
}

impl Stored {
    fn parse(row: SerializedEvent) -> Option<Self> {
        let version = row.event_version.parse().ok()?;
        let payload = serde_json::from_value(row.payload).ok()?;
        let columns: HashMap<String, String> = serde_json::from_value(row.metadata).ok()?;
        let id = |column: &str| Uuid::parse_str(columns.get(column)?).ok();
        let (organization_id, sequence) = (id("organization_id")?, row.sequence as u64);
        if row.event_type == "snapshot" {
            return Some(Self::Snapshot(StoredSnapshot { organization_id, sequence, version, state: payload }));
        }
        let mut fingerprint = Fingerprint::default();
        hex::decode_to_slice(columns.get("fingerprint")?, &mut fingerprint).ok()?;
        let (event_id, subject_id, command_id) = (id(EVENT_ID)?, id("subject_id")?, id("command_id")?);
        let (event_type, event_version) = (row.event_type, version);
        Some(Self::Event(StoredEvent {
            organization_id,
            sequence,
            event_id,
            event_type,
            event_version,
            fingerprint,
            subject_id,
            command_id,
            payload,
            columns,
        }))
    }

    fn organization_id(&self) -> Uuid {
        match self {
            Self::Snapshot(snapshot) => snapshot.organization_id,
            Self::Event(event) => event.organization_id,
        }
    }
}

fn key_ids(stored: &[Stored]) -> Vec<Uuid> {
    let key_id = |row: &Stored| match row {
        Stored::Snapshot(snapshot) => snapshot.state.key_id(),
        Stored::Event(event) => event.payload.key_id(),
    };
    let mut ids: Vec<Uuid> = stored.iter().map(key_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn parse(id: &str) -> Result<Uuid, Failure> {
    Uuid::parse_str(id).map_err(|_| Failure::broken("a stream's id is not a UUID"))
}

type Boxed = Box<dyn StdError + Send + Sync>;

fn of_database(error: Boxed) -> Failure {
    match error.downcast::<sqlx::Error>() {
        Ok(error) => Failure::from(*error),
        Err(error) => Failure::Internal(anyhow::Error::from_boxed(error)),
    }
}

/// How the framework carries our failures; [`Failure::of`] takes them out again.
fn told<E: StdError>(failure: Failure) -> AggregateError<E> {
    if matches!(failure, Failure::Conflict) { AggregateError::AggregateConflict } else { AggregateError::UnexpectedError(failure.into()) }
}

impl Failure {
    pub(crate) fn of<E: StdError + Send + Sync + 'static>(error: AggregateError<E>) -> Self {
        let carried: Boxed = match error {
            AggregateError::AggregateConflict => return Self::Conflict,
            AggregateError::UserError(error) => Box::new(error),
            AggregateError::DatabaseConnectionError(error) | AggregateError::DeserializationError(error) | AggregateError::UnexpectedError(error) => {
                error
            }
        };
        carried.downcast::<Self>().map_or_else(|error| Self::Internal(anyhow::Error::from_boxed(error)), |failure| *failure)
    }
}
