//! A clinic for one test: a database, keys, and a log that events are written into the way an append writes them.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_codec::{Encoded, encode_any, find};
use anamnesis_domain::AnyEvent;
use anamnesis_journal::log::Log;
use anamnesis_journal::row::Row;
use anamnesis_projections::ALL;
use anamnesis_projections::kernel::Projection;
use anamnesis_projector::history::History;
use anamnesis_projector::{Progress, Projector, ProjectorSettings, Rebuild, Wanted, ensure_schema};
use anamnesis_stream::LogFeed;
use anamnesis_vault::{Context, EventContext, KeyOwner, Keyring, Purpose, Vault, VaultSettings};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Clinic {
    /// As a superuser.
    pub(crate) owner: PgPool,
    /// As the service that appends and publishes.
    pub(crate) writer: PgPool,
    /// As the service that projects.
    pub(crate) projector: PgPool,
    /// As the service that reads.
    pub(crate) reader: PgPool,
    pub(crate) vault: Vault,
    pub(crate) organization: Uuid,
    epoch: i64,
    name: String,
    keyring: TempDir,
}

fn server() -> PgConnectOptions {
    let url = std::env::var("ANAMNESIS_TEST_DATABASE_URL").expect("set ANAMNESIS_TEST_DATABASE_URL to a superuser's URL of a running Postgres");
    PgConnectOptions::from_str(&url).unwrap()
}

impl Clinic {
    /// With tables, and no events.
    pub(crate) async fn new() -> Self {
        let clinic = Self::without_tables().await;
        ensure_schema(&clinic.owner, ALL).await.unwrap();
        clinic
    }

    pub(crate) async fn without_tables() -> Self {
        let name = format!("anamnesis_test_{}", Uuid::new_v4().simple());
        let mut connection = PgConnection::connect_with(&server()).await.unwrap();
        sqlx::query(&format!("create database {name}")).execute(&mut connection).await.unwrap();
        let owner = PgPool::connect_lazy_with(server().database(&name));
        Self::in_database(name, &owner).await
    }

    /// With tables, all of an owner who isn't a superuser; `inherit` or `noinherit`: whether they have our roles' rights
    /// without taking one on.
    pub(crate) async fn owned_by_one_who(inherits: &str) -> (Self, PgPool) {
        let name = format!("anamnesis_test_{}", Uuid::new_v4().simple());
        let made = format!("create role {name} login createrole {inherits} password 'test'; create database {name} owner {name}");
        let mut connection = PgConnection::connect_with(&server()).await.unwrap();
        for sql in made.split("; ") {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        let mut connection = PgConnection::connect_with(&server().database(&name)).await.unwrap();
        sqlx::query(&format!("grant create on schema public to {name}")).execute(&mut connection).await.unwrap();
        let owner = PgPool::connect_lazy_with(server().database(&name).username(&name).password("test"));
        let clinic = Self::in_database(name.clone(), &owner).await;
        clinic.execute(&format!("grant anamnesis_writer, anamnesis_projector, anamnesis_reader to {name}")).await;
        ensure_schema(&owner, ALL).await.unwrap();
        (clinic, owner)
    }

    async fn in_database(name: String, migrating: &PgPool) -> Self {
        let pool = |role: Option<&str>| {
            let options = server().database(&name);
            let options = if let Some(role) = role { options.application_name(role).options([("role", role)]) } else { options };
            PgPoolOptions::new().max_connections(8).connect_lazy_with(options)
        };
        let owner = pool(None);
        let migrations = Migrator::new(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations"))).await.unwrap();
        migrations.run(migrating).await.unwrap();
        let keyring = tempfile::tempdir().unwrap();
        let vault = open_vault(pool(Some("anamnesis_writer")), &keyring).await;
        let epoch = sqlx::query_scalar("select journal.lead('test', interval '1 minute')").fetch_one(&owner).await.unwrap();
        let [writer, projector, reader] = ["anamnesis_writer", "anamnesis_projector", "anamnesis_reader"].map(|role| pool(Some(role)));
        Self { owner, writer, projector, reader, vault, organization: Uuid::new_v4(), epoch, name, keyring }
    }

    /// A vault that has nothing in its cache.
    pub(crate) async fn fresh_vault(&self) -> Vault {
        open_vault(self.owner.clone(), &self.keyring).await
    }

    /// Appends one event, sealed under its subject's key, and gives it a position.
    pub(crate) async fn tell(&self, event: &Told) -> u64 {
        self.append(std::slice::from_ref(event)).await;
        self.sequence().await
    }

    /// Appends events and gives them positions; the last one.
    pub(crate) async fn tell_all(&self, events: &[Told]) -> u64 {
        for part in events.chunks(1_000) {
            self.append(part).await;
        }
        self.sequence().await
    }

    async fn append(&self, events: &[Told]) {
        let mut tx = self.owner.begin().await.unwrap();
        for event in events {
            self.append_one(&mut tx, event).await;
        }
        tx.commit().await.unwrap();
    }

    async fn append_one(&self, tx: &mut PgConnection, told: &Told) {
        let organization = told.organization.unwrap_or(self.organization);
        let encoded = told.encoded();
        let sequence: i64 =
            sqlx::query_scalar("select coalesce(max(sequence), 0) + 1 from journal.events where aggregate_type = $1 and aggregate_id = $2")
                .bind(told.aggregate_type)
                .bind(told.stream)
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        let (owner, subject) = match told.subject {
            Some(person) => (KeyOwner::data(organization, person), person),
            None => (KeyOwner::organization(organization, Purpose::Audit), organization),
        };
        let place = EventContext {
            organization,
            aggregate_type: told.aggregate_type,
            aggregate_id: told.stream,
            sequence: sequence.cast_unsigned(),
            event_id: Uuid::new_v4(),
            event_type: encoded.kind.name,
            event_version: encoded.kind.version,
            fingerprint: encoded.fingerprint,
            subject,
        };
        let sealed = self.vault.key(owner).await.unwrap().seal(&Context::event(&place), &encoded.bytes);
        let row = Row {
            event_id: place.event_id,
            organization_id: organization,
            aggregate_type: told.aggregate_type,
            aggregate_id: told.stream,
            sequence: place.sequence,
            event_type: place.event_type,
            event_version: place.event_version,
            fingerprint: place.fingerprint,
            subject_id: subject,
            metadata_subject_id: organization,
            recorded_at_us: 1_000_000,
            command_id: place.event_id,
            correlation_id: place.event_id,
            causation_id: None,
            actor_id: told.stream,
            payload: sealed.as_bytes(),
            metadata: &[],
        };
        sqlx::query(
            "with event as (
                insert into journal.events (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint,
                    subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $1, to_timestamp(1), $5, $5, '00000000-0000-0000-0000-000000000000', $3, $10, '', $11)
                returning *)
             insert into journal.unsequenced (arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
             select arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash from event",
        )
        .bind(organization)
        .bind(told.aggregate_type)
        .bind(told.stream)
        .bind(sequence)
        .bind(place.event_id)
        .bind(place.event_type)
        .bind(place.event_version.cast_signed())
        .bind(&place.fingerprint[..])
        .bind(subject)
        .bind(sealed.as_bytes())
        .bind(&row.hash().as_bytes()[..])
        .execute(tx)
        .await
        .unwrap();
    }

    pub(crate) async fn sequence(&self) -> u64 {
        let sql = "select head_position from journal.sequence_batch($1, 1000000, interval '1 minute')";
        let position: i64 = sqlx::query_scalar(sql).bind(self.epoch).fetch_one(&self.owner).await.unwrap();
        position.cast_unsigned()
    }

    /// Projects until the returned run is dropped.
    pub(crate) fn project(&self) -> Run {
        self.project_with(ProjectorSettings { wait: Duration::from_millis(50), ..ProjectorSettings::default() })
    }

    pub(crate) fn project_with(&self, settings: ProjectorSettings) -> Run {
        self.project_these(ALL, settings)
    }

    pub(crate) fn project_these(&self, projections: &[&'static Projection], settings: ProjectorSettings) -> Run {
        let projector = Projector::new(self.projector.clone(), self.vault.clone(), projections, settings);
        let (progress, shutdown) = (projector.progress(), CancellationToken::new());
        let feed = LogFeed::new(Log::new(self.projector.clone()));
        let task = tokio::spawn(projector.run(feed, shutdown.clone()));
        Run { progress, task, _guard: shutdown.drop_guard() }
    }

    /// Projects everything there is, and stops.
    pub(crate) async fn project_all(&self) {
        let position: i64 = sqlx::query_scalar("select position from journal.head").fetch_one(&self.owner).await.unwrap();
        let run = self.project();
        for projection in ALL {
            run.reached(projection.name, position.cast_unsigned()).await;
        }
        run.stop().await;
    }

    pub(crate) fn log(&self) -> Log {
        Log::new(self.projector.clone())
    }

    pub(crate) fn history(&self) -> History {
        History::new(self.log(), self.vault.clone(), self.organization)
    }

    /// With pages so small that streams are cut.
    pub(crate) fn rebuild(&self) -> Rebuild {
        Rebuild { page: 7, ..Rebuild::new(self.owner.clone(), self.projector.clone(), self.vault.clone(), self.log()) }
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        sqlx::query_scalar(&format!("select count(*) from {what}")).fetch_one(&self.owner).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&self.owner).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// As if an older version of the program had made a projection's tables.
    pub(crate) async fn age(&self, projection: &str) {
        self.execute(&format!("update read.versions set definition = 'another', outranks = 0 where projection = '{projection}' and state = 'live'"))
            .await;
    }

    /// The schemas in which tables are built or kept.
    pub(crate) async fn schemas_aside(&self) -> Vec<String> {
        let sql = "select nspname::text from pg_namespace where nspname ~ '^(read|audit)_' order by nspname";
        sqlx::query_scalar(sql).fetch_all(&self.owner).await.unwrap()
    }

    pub(crate) async fn checkpoint(&self, projection: &str) -> u64 {
        let position: i64 =
            sqlx::query_scalar("select position from journal.checkpoints where consumer = $1").bind(projection).fetch_one(&self.owner).await.unwrap();
        position.cast_unsigned()
    }

    /// Destroys a subject's keys, as an erasure does.
    pub(crate) async fn destroy_keys(&self, subject: Uuid) {
        sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1")
            .bind(subject)
            .execute(&self.owner)
            .await
            .unwrap();
    }
}

async fn open_vault(pool: PgPool, keyring: &TempDir) -> Vault {
    let keyring = Keyring::open_or_create(&keyring.path().join("keyring.toml")).unwrap();
    Vault::open(pool, Arc::new(keyring), VaultSettings::default()).await.unwrap()
}

/// A running projector.
pub(crate) struct Run {
    pub(crate) progress: Progress,
    pub(crate) task: JoinHandle<()>,
    _guard: DropGuard,
}

impl Run {
    pub(crate) async fn reached(&self, projection: &str, position: u64) {
        let reached = self.progress.wait_until(projection, Wanted::everything(position), PATIENCE).await;
        assert_eq!(reached, Ok(()), "{projection} at {position}: {:?}", self.progress.states());
    }

    pub(crate) async fn stop(self) {
        let Self { task, _guard: guard, .. } = self;
        drop(guard);
        task.await.unwrap();
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        let drops = [format!("drop database if exists {} with (force)", self.name), format!("drop role if exists {}", self.name)];
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server()).await?;
                for drop in drops {
                    sqlx::query(&drop).execute(&mut connection).await?;
                }
                Ok::<_, sqlx::Error>(())
            })
        });
        // a test that fails keeps its own message
        let _ = dropped.join();
    }
}

/// An event to be appended.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) organization: Option<Uuid>,
    pub(crate) aggregate_type: &'static str,
    pub(crate) stream: Uuid,
    /// Whose key seals it; none: the organization's audit key.
    pub(crate) subject: Option<Uuid>,
    pub(crate) event: AnyEvent,
    /// Written as the version before the newest, which lacks the last field: that is one byte.
    pub(crate) is_old: bool,
}

impl Told {
    fn encoded(&self) -> Encoded {
        let mut encoded = encode_any(self.aggregate_type, &self.event).unwrap();
        if self.is_old {
            encoded.kind.version -= 1;
            encoded.fingerprint = find(self.aggregate_type, encoded.kind.name, encoded.kind.version).unwrap().fingerprint;
            encoded.bytes.pop();
        }
        encoded
    }

    pub(crate) fn of(aggregate_type: &'static str, stream: Uuid, subject: Uuid, event: impl Into<AnyEvent>) -> Self {
        Self { organization: None, aggregate_type, stream, subject: Some(subject), event: event.into(), is_old: false }
    }

    pub(crate) fn in_organization(self, organization: Uuid) -> Self {
        Self { organization: Some(organization), ..self }
    }
}
