//! How does the event store look to cqrs-es? This is the only file that knows cqrs-es and postgres-es.
//!
//! Our aggregates are pure; [`Framework`] makes one into what cqrs-es calls an aggregate. [`Store`] is its event store:
//! a stream's events are read by postgres-es's repository, states with those of all who load one at the same time, commits go
//! through the sealed append. postgres-es's own way of writing is never used (it writes in the clear, an event a round trip), nor are its snapshots (they double commands)
//! nor its streams and queries (they lose events).

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;

use anamnesis_codec::Fingerprint;
use anamnesis_domain::{Aggregate, Event, Grounds};
use anamnesis_vault::{Opened, Sealed};
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, PersistenceError, SerializedEvent};
use cqrs_es::{AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::PgPool;
use uuid::Uuid;

use crate::append::Place;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::journal::Inner;
use crate::outcome::CommittedEvent;
use crate::reading::Beginning;
use crate::seal::{Change, owner, seal};
use crate::stream::{Folded, Stored, StoredEvent, open};

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
    type Services = Grounds;

    async fn handle(&mut self, command: A::Command, grounds: &Grounds, sink: &EventSink<Self>) -> Result<(), A::Error> {
        for event in self.0.decide_on(command, grounds)? {
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
    pub(crate) before: Arc<Folded<A>>,
    source: Source,
    aggregate: Framework<A>,
}

/// Where a stream's state is from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was read.
    Journal,
    /// This process remembers it; the stream may have gone on.
    Memory,
    /// It isn't even looked for: the command begins the stream.
    Nowhere,
}

impl<A: Aggregate> Loaded<A> {
    pub(crate) fn new(id: Uuid, before: Folded<A>) -> Self {
        Self::from(Source::Journal, id, Arc::new(before))
    }

    fn from(source: Source, id: Uuid, before: Arc<Folded<A>>) -> Self {
        let aggregate = Framework(before.state.clone());
        Self { id, before, source, aggregate }
    }

    /// Whether nothing may be answered from it that the append doesn't check.
    pub(crate) fn is_remembered(&self) -> bool {
        self.source == Source::Memory
    }

    /// The state with all that was decided in it.
    pub(crate) fn state(&self) -> &A {
        &self.aggregate.0
    }

    /// Lets the aggregate decide. Its state afterwards has the events in it.
    pub(crate) async fn decide(&mut self, command: A::Command, grounds: &Grounds) -> Result<Vec<A::Event>, A::Error> {
        let sink = EventSink::default();
        cqrs_es::Aggregate::handle(self.aggregate(), command, grounds, &sink).await?;
        Ok(sink.collect().await.into_iter().map(FrameworkEvent::into_event).collect())
    }
}

impl<A: Aggregate> AggregateContext<Framework<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Framework<A> {
        &mut self.aggregate
    }
}

/// postgres-es's repository over our tables. It pastes the table's name into its SQL, which ends with
/// `where aggregate_type = $1 and aggregate_id = $2 order by sequence`; so the "name" here is the way to the primary key.
pub(crate) struct Repository(PostgresEventRepository);

const STREAM: &str = "(select aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata
    from journal.streams where stream_id = $2::uuid) as stream";
const NEVER_USED: &str = "journal.snapshots";

impl Repository {
    pub(crate) fn new(pool: &PgPool) -> Self {
        Self(PostgresEventRepository::new(pool.clone()).with_tables(STREAM, NEVER_USED))
    }

    async fn events<A: Aggregate>(&self, id: &str) -> Result<Vec<(StoredEvent, Columns)>, Failure> {
        let rows = self.0.get_events::<Framework<A>>(id).await.map_err(|error| match error {
            PersistenceError::ConnectionError(error) | PersistenceError::UnknownError(error) | PersistenceError::DeserializationError(error) => {
                of_database(error)
            }
            PersistenceError::OptimisticLockError => Failure::broken("reading met an optimistic lock"),
        })?;
        rows.into_iter().map(|row| parse_row(row).ok_or(Failure::broken("a row of a stream isn't what was written"))).collect()
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
        let stored = self.inner.repository.events::<A>(id).await.map_err(told)?;
        let events = self.opened::<A>(parse(id).map_err(told)?, stored).await.map_err(told)?;
        Ok(events.into_iter().map(|(event, columns)| envelope(id, event, columns)).collect())
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        self.load_stream(parse(id).map_err(told)?).await.map_err(told)
    }

    /// The caller's context takes the metadata's place.
    async fn commit(
        &self,
        events: Vec<FrameworkEvent<A::Event>>,
        context: Loaded<A>,
        _metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
        let (id, events) = (context.id.to_string(), events.into_iter().map(FrameworkEvent::into_event).collect());
        let committed = self.append(events, context, Vec::new()).await.map_err(told)?;
        let columns = |event_id: Uuid| HashMap::from([(EVENT_ID.to_owned(), event_id.to_string())]);
        Ok(committed.into_iter().map(|event| (columns(event.event_id), event)).map(|(columns, event)| envelope(&id, event, columns)).collect())
    }
}

/// What the bus needs, in our own words.
impl Store<'_> {
    /// The stream's state.
    pub(crate) async fn load_stream<A: Aggregate>(&self, id: Uuid) -> Result<Loaded<A>, Failure> {
        let mut folded = self.fold(id, Beginning::Snapshot).await?;
        if folded.is_none() {
            folded = self.fold(id, Beginning::After(0)).await?;
        }
        let folded = folded.ok_or(Failure::broken("a stream's events begin with a snapshot"))?;
        Ok(Loaded::new(id, folded))
    }

    /// The stream's state, read unless the source knows better.
    pub(crate) async fn stream_from<A: Aggregate>(&self, source: Source, id: Uuid) -> Result<Loaded<A>, Failure> {
        let known = match source {
            Source::Journal => None,
            Source::Memory => self.inner.states.get(self.caller.organization_id, id),
            Source::Nowhere => Some(Arc::new(Folded::absent())),
        };
        match known {
            Some(before) => Ok(Loaded::from(source, id, before)),
            None => self.load_stream(id).await,
        }
    }

    /// The state of a stream that a decision rests on, and how far it is. What belongs to another organization looks like what isn't there, and never will be.
    pub(crate) async fn ground<A: Aggregate>(&self, id: Uuid) -> Result<(A, Option<Place>), Failure> {
        match self.load_stream::<A>(id).await {
            Ok(loaded) => Ok((loaded.state().clone(), Some(Place { aggregate_type: A::TYPE, aggregate_id: id, sequence: loaded.before.sequence }))),
            Err(Failure::Foreign) => Ok((A::default(), None)),
            Err(failure) => Err(failure),
        }
    }

    /// The caller's command's events in a stream, up to its last one.
    pub(crate) async fn events_of_command<A: Aggregate>(&self, id: Uuid, last: u64) -> Result<Vec<CommittedEvent<A::Event>>, Failure> {
        let mut stored = self.inner.repository.events::<A>(&id.to_string()).await?;
        stored.retain(|(event, _)| event.command_id == self.caller.command_id && event.sequence <= last);
        Ok(self.opened::<A>(id, stored).await?.into_iter().map(|(event, _)| event).collect())
    }
}

impl Store<'_> {
    /// `None` when it begins with a snapshot that is of no use.
    async fn fold<A: Aggregate>(&self, id: Uuid, mut beginning: Beginning) -> Result<Option<Folded<A>>, Failure> {
        let mut folded = Folded::absent();
        loop {
            let part = self.inner.reading.part(A::TYPE, id, beginning).await?;
            for row in &part.0 {
                self.check_organization(row.organization_id())?;
            }
            let keys = self.inner.vault.open_keys(&key_ids(part.0.iter().map(Stored::sealed))).await?;
            for row in &part.0 {
                folded = match row {
                    Stored::Event(event) => folded.then(id, event, &keys)?,
                    Stored::Snapshot(snapshot) if snapshot.version == A::SNAPSHOT_VERSION => match Folded::from_snapshot(id, snapshot, &keys) {
                        Some(folded) => folded,
                        None => return Ok(None),
                    },
                    Stored::Snapshot(_) => return Ok(None),
                };
            }
            if !part.is_full() {
                return Ok(Some(folded));
            }
            beginning = Beginning::After(folded.sequence);
        }
    }

    /// The events with what stands beside them. [`Failure::Erased`] if one of them was erased.
    async fn opened<A: Aggregate>(&self, id: Uuid, stored: Vec<(StoredEvent, Columns)>) -> Result<Vec<(CommittedEvent<A::Event>, Columns)>, Failure> {
        for (event, _) in &stored {
            self.check_organization(event.organization_id)?;
        }
        let keys = self.inner.vault.open_keys(&key_ids(stored.iter().map(|(event, _)| &event.payload))).await?;
        stored
            .into_iter()
            .map(|(stored, columns)| match open::<A>(id, &stored, &keys)? {
                Opened::Erased => Err(Failure::Erased),
                Opened::Value(event) => Ok((CommittedEvent { event_id: stored.event_id, sequence: stored.sequence, event }, columns)),
            })
            .collect()
    }

    fn check_organization(&self, organization: Uuid) -> Result<(), Failure> {
        if organization == self.caller.organization_id { Ok(()) } else { Err(Failure::Foreign) }
    }

    /// Appends what was decided on that state.
    pub(crate) async fn append<A: Aggregate>(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        grounds: Vec<Place>,
    ) -> Result<Vec<CommittedEvent<A::Event>>, Failure> {
        let Loaded { id, before, source, aggregate: Framework(state) } = context;
        let mut append = seal(
            &self.inner.vault,
            self.caller,
            id,
            Change { before: &before.state, after: &state, sequence: before.sequence, events: &events },
            source == Source::Nowhere,
        )
        .await?;
        append.rest_on(grounds);
        let organization = self.caller.organization_id;
        let subjects = append.events.iter().fold(before.subjects, |subjects, event| subjects.and(event.subject_id, organization));
        let last = append.last_sequence;
        let ids: Vec<Uuid> = append.events.iter().map(|event| event.event_id).collect();
        let appended = self.inner.append(append).await;
        if appended.is_err() {
            self.inner.states.forget::<A>(organization, id);
        }
        appended?;
        if let Some(event) = events.last() {
            let owner = owner(organization, state.subject(id, event));
            let folded = Arc::new(Folded { state, sequence: last, subjects });
            self.inner.snapshots.consider(owner, id, before.sequence, Arc::clone(&folded));
            // most streams that are begun are never changed: an access, a result
            if source != Source::Nowhere {
                self.inner.states.put(organization, id, folded);
            }
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

fn parse_row(row: SerializedEvent) -> Option<(StoredEvent, Columns)> {
    let columns: Columns = serde_json::from_value(row.metadata).ok()?;
    let id = |column: &str| Uuid::parse_str(columns.get(column)?).ok();
    let mut fingerprint = Fingerprint::default();
    hex::decode_to_slice(columns.get("fingerprint")?, &mut fingerprint).ok()?;
    let event = StoredEvent {
        organization_id: id("organization_id")?,
        sequence: row.sequence as u64,
        event_id: id(EVENT_ID)?,
        event_type: row.event_type,
        event_version: row.event_version.parse().ok()?,
        fingerprint,
        subject_id: id("subject_id")?,
        command_id: id("command_id")?,
        payload: serde_json::from_value(row.payload).ok()?,
    };
    Some((event, columns))
}

fn key_ids<'a>(sealed: impl Iterator<Item = &'a Sealed>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = sealed.map(Sealed::key_id).collect();
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

/// How the framework carries our failures.
fn told<E: StdError>(failure: Failure) -> AggregateError<E> {
    if matches!(failure, Failure::Conflict) { AggregateError::AggregateConflict } else { AggregateError::UnexpectedError(failure.into()) }
}
