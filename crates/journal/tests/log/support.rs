//! A database for one test, and events written the way an append writes them.

use std::str::FromStr as _;
use std::time::Duration;

use anamnesis_journal::row::Row;
use anamnesis_journal::sequencer::{Sequencer, SequencerHandle, SequencerSettings};
use anamnesis_journal::{Role, migrate, pool_as};
use chrono::{DateTime, SubsecRound as _, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Long enough for anything that happens at all.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A migrated database that goes away with this value.
pub(crate) struct Database {
    pub(crate) options: PgConnectOptions,
    /// As the service: what the roles forbid fails.
    pub(crate) writer: PgPool,
    /// As a superuser.
    pub(crate) owner: PgPool,
    server: PgConnectOptions,
    name: String,
}

fn server() -> PgConnectOptions {
    let url = std::env::var("ANAMNESIS_TEST_DATABASE_URL").expect("set ANAMNESIS_TEST_DATABASE_URL to a superuser's URL of a running Postgres");
    PgConnectOptions::from_str(&url).unwrap()
}

fn url(options: &PgConnectOptions) -> String {
    let mut url = options.to_url_lossy();
    // what sqlx adds, pg_dump doesn't know
    url.set_query(None);
    url.to_string()
}

impl Database {
    pub(crate) async fn new() -> Self {
        let database = Self::empty().await;
        migrate(&database.url()).await.unwrap();
        database
    }

    async fn empty() -> Self {
        Self::empty_in(server()).await
    }

    /// In another cluster than the tests'.
    pub(crate) async fn empty_in(server: PgConnectOptions) -> Self {
        Self::create(server, "").await
    }

    /// The same as another one. Nobody may be at work in that; its idle connections are closed.
    pub(crate) async fn copy(original: &Self) -> Self {
        let mut connection = PgConnection::connect_with(&server()).await.unwrap();
        sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
            .bind(&original.name)
            .execute(&mut connection)
            .await
            .unwrap();
        Self::create(server(), &format!("template {}", original.name)).await
    }

    async fn create(server: PgConnectOptions, how: &str) -> Self {
        let name = format!("anamnesis_test_{}", Uuid::new_v4().simple());
        let mut connection = PgConnection::connect_with(&server).await.unwrap();
        sqlx::query(&format!("create database {name} {how}")).execute(&mut connection).await.unwrap();
        let options = server.clone().database(&name);
        let as_writer = (*pool_as(&url(&options), Role::Writer, 1).unwrap().connect_options()).clone();
        // unlike the service's, these ask before each use: tests end connections
        let writer = PgPoolOptions::new().max_connections(20).connect_lazy_with(as_writer);
        let owner = PgPoolOptions::new().connect_lazy_with(options.clone());
        Self { options, writer, owner, server, name }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.options)
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.unwrap()
    }

    /// A sequencer that runs until the returned guard is dropped.
    pub(crate) fn sequence(&self) -> (SequencerHandle, DropGuard) {
        self.sequence_with(SequencerSettings::default())
    }

    pub(crate) fn sequence_with(&self, settings: SequencerSettings) -> (SequencerHandle, DropGuard) {
        let sequencer = Sequencer::new(self.writer.clone(), settings);
        let (handle, shutdown) = (sequencer.handle(), CancellationToken::new());
        tokio::spawn(sequencer.run(shutdown.clone()));
        (handle, shutdown.drop_guard())
    }

    /// Waits until no sequencer is connected any more.
    pub(crate) async fn rest(&self) {
        while self.count("pg_stat_activity where datname = current_database() and application_name = 'anamnesis sequencer'").await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn append(&self, events: &[NewEvent]) {
        append(&mut self.writer.acquire().await.unwrap(), events).await.unwrap();
    }

    /// Waits until so many events are in the log.
    pub(crate) async fn logged(&self, events: i64) {
        let reached = tokio::time::timeout(SOON, async {
            while self.count("journal.log").await < events {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(reached.await.is_ok(), "only {} of {events} events were logged", self.count("journal.log").await);
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        sqlx::query_scalar(&format!("select count(*) from {table}")).fetch_one(&self.owner).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&self.owner).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// What must hold whatever happened: checked in SQL, so by other means than the code under test.
    pub(crate) async fn assert_sound(&self) {
        for (what, sql) in [
            ("positions are dense", "select count(*) = max(position) and min(position) = 1 from journal.log"),
            ("the head is the log's end", "select (select max(position) from journal.log) = position from journal.head"),
            (
                "an event is logged once",
                "select count(*) = count(distinct arrival) and count(*) = count(distinct (aggregate_id, sequence)) from journal.log",
            ),
            (
                "every event is in the log or in the queue",
                "select count(*) = 0 from journal.events e
                 full join (select arrival, row_hash from journal.log union all select arrival, row_hash from journal.unsequenced) l
                 using (arrival, row_hash) where e.event_id is null or l.arrival is null",
            ),
            (
                "no stream is inverted",
                "select count(*) = 0 from (
                    select position, lag(position) over (partition by aggregate_type, aggregate_id order by sequence) as before from journal.log) x
                 where before > position",
            ),
            (
                "logged_at never falls",
                "select count(*) = 0 from (select logged_at, lag(logged_at) over (order by position) as before from journal.log) x where before > logged_at",
            ),
            (
                "no command is split",
                "select count(*) = 0 from (select from journal.log join journal.events using (arrival)
                 group by log.organization_id, command_id having count(distinct logged_at) > 1) x",
            ),
        ] {
            let holds: Option<bool> = sqlx::query_scalar(sql).fetch_one(&self.owner).await.unwrap();
            assert_eq!(holds, Some(true), "not so: {what}");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("drop database if exists {} with (force)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server).await?;
                sqlx::query(&drop).execute(&mut connection).await
            })
        });
        // a test that fails keeps its own message
        let _ = dropped.join();
    }
}

/// Whose events these are, unless it is said.
pub(crate) const OURS: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// An event to be written; the columns that no test looks at differ all the same.
#[derive(Clone)]
pub(crate) struct NewEvent {
    pub(crate) organization_id: Uuid,
    pub(crate) aggregate_type: &'static str,
    pub(crate) aggregate_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: &'static str,
    pub(crate) event_version: u32,
    pub(crate) fingerprint: [u8; 8],
    pub(crate) subject_id: Uuid,
    pub(crate) metadata_subject_id: Uuid,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) command_id: Uuid,
    pub(crate) causation_id: Option<Uuid>,
    pub(crate) payload: Vec<u8>,
    pub(crate) metadata: Vec<u8>,
}

impl NewEvent {
    /// The event of a stream with this number, from a command of its own. Its payload looks sealed and opens nowhere.
    pub(crate) fn new(stream: Uuid, sequence: u64) -> Self {
        Self {
            organization_id: OURS,
            aggregate_type: "consent",
            aggregate_id: stream,
            sequence,
            event_id: Uuid::new_v4(),
            event_type: "ConsentGranted",
            event_version: 1,
            fingerprint: [7; 8],
            subject_id: Uuid::new_v4(),
            metadata_subject_id: Uuid::new_v4(),
            recorded_at: Utc::now().trunc_subsecs(6),
            command_id: Uuid::new_v4(),
            causation_id: sequence.is_multiple_of(2).then(Uuid::new_v4),
            payload: looks_sealed(1),
            metadata: if sequence.is_multiple_of(3) { vec![] } else { looks_sealed(2) },
        }
    }

    pub(crate) fn of_command(self, command_id: Uuid) -> Self {
        Self { command_id, ..self }
    }

    pub(crate) fn of(self, organization_id: Uuid) -> Self {
        Self { organization_id, ..self }
    }

    fn hash(&self) -> Vec<u8> {
        let row = Row {
            event_id: self.event_id,
            organization_id: self.organization_id,
            aggregate_type: self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence,
            event_type: self.event_type,
            event_version: self.event_version,
            fingerprint: self.fingerprint,
            subject_id: self.subject_id,
            metadata_subject_id: self.metadata_subject_id,
            recorded_at_us: self.recorded_at.timestamp_micros(),
            command_id: self.command_id,
            correlation_id: self.command_id,
            causation_id: self.causation_id,
            actor_id: self.subject_id,
            payload: &self.payload,
            metadata: &self.metadata,
        };
        row.hash().as_bytes().to_vec()
    }
}

/// The first `events` events of a new stream, each of its own command.
pub(crate) fn stream(events: u64) -> Vec<NewEvent> {
    let id = Uuid::new_v4();
    (1..=events).map(|sequence| NewEvent::new(id, sequence)).collect()
}

fn looks_sealed(suite: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..354).map(|_| rand::random()).collect();
    bytes[..2].copy_from_slice(&[1, suite]);
    bytes
}

/// Events and queue rows in one statement, so in one transaction, like an append.
pub(crate) async fn append(connection: &mut PgConnection, events: &[NewEvent]) -> sqlx::Result<()> {
    fn column<T>(events: &[NewEvent], value: impl Fn(&NewEvent) -> T) -> Vec<T> {
        events.iter().map(value).collect()
    }
    sqlx::query(include_str!("append.sql"))
        .bind(column(events, |event| event.organization_id))
        .bind(column(events, |event| event.aggregate_type))
        .bind(column(events, |event| event.aggregate_id))
        .bind(column(events, |event| event.sequence.cast_signed()))
        .bind(column(events, |event| event.event_id))
        .bind(column(events, |event| event.event_type))
        .bind(column(events, |event| event.event_version.cast_signed()))
        .bind(column(events, |event| event.fingerprint.to_vec()))
        .bind(column(events, |event| event.subject_id))
        .bind(column(events, |event| event.metadata_subject_id))
        .bind(column(events, |event| event.recorded_at))
        .bind(column(events, |event| event.command_id))
        .bind(column(events, |event| event.causation_id.unwrap_or_default()))
        .bind(column(events, |event| event.payload.clone()))
        .bind(column(events, |event| event.metadata.clone()))
        .bind(column(events, NewEvent::hash))
        .execute(connection)
        .await?;
    Ok(())
}
