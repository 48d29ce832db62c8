//! A journal for one test: a database, a keyring and a caller of its own.
//!
//! The server is the one that `ANAMNESIS_TEST_DATABASE_URL` leads to (as a superuser). The schema is built once for
//! each state of the migrations, as a template; a test's database is a copy of it and is dropped after the test.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;

use anamnesis_domain::{Instant, Origin};
use anamnesis_vault::{Keyring, Vault, VaultSettings};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::caller::Caller;
use crate::database::{MIGRATIONS, Role, migrate, pool_as};
use crate::journal::{Journal, JournalSettings};

const SERVER: &str = "ANAMNESIS_TEST_DATABASE_URL";
/// Taken while the template is built, so that it is built once.
const TEMPLATE_LOCK: i64 = 0x616e_616d_6e65_7369;

/// A database with the present schema, for one test.
pub struct TestDatabase {
    server: PgConnectOptions,
    name: String,
    keyring: TempDir,
}

impl TestDatabase {
    /// A fresh one.
    ///
    /// # Panics
    /// When there is no server, or it refuses.
    pub async fn new() -> Self {
        let url = std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} must name a running PostgreSQL (a superuser's URL)"));
        let server = PgConnectOptions::from_str(&url).expect("the test server's URL is one");
        let mut connection = PgConnection::connect_with(&server).await.expect("the test server answers");
        let template = template(&server, &mut connection).await;
        let name = format!("anamnesis_test_{}", Uuid::now_v7().simple());
        run(&mut connection, &format!("create database {name} template {template}")).await;
        let keyring = tempfile::tempdir().expect("there is a folder for temporary files");
        Self { server, name, keyring }
    }

    /// Where it is, as a superuser.
    pub fn url(&self) -> String {
        self.server.clone().database(&self.name).to_url_lossy().to_string()
    }

    /// A pool of connections that may do what `role` may.
    ///
    /// # Panics
    /// Never: the URL is one.
    pub fn pool(&self, role: Role) -> PgPool {
        pool_as(&self.url(), role, 8).expect("the test database's URL is one")
    }

    /// A pool of a superuser's connections, to look behind everything.
    pub fn superuser(&self) -> PgPool {
        PgPool::connect_lazy_with(self.server.clone().database(&self.name))
    }

    /// A vault with this database's keyring; another one each time, with an empty memory.
    ///
    /// # Panics
    /// When the keyring can't be read.
    pub async fn vault(&self) -> Vault {
        let keyring = Keyring::open_or_create(&self.keyring.path().join("keyring.toml")).expect("the keyring is ours");
        Vault::open(self.pool(Role::Writer), Arc::new(keyring), VaultSettings::default()).await.expect("the vault opens")
    }

    /// A journal, as another process would open it.
    pub async fn journal(&self) -> Journal {
        self.journal_with(JournalSettings::default()).await
    }

    /// A journal with other settings.
    pub async fn journal_with(&self, settings: JournalSettings) -> Journal {
        Journal::open(self.pool(Role::Writer), self.vault().await, settings)
    }
}

impl Drop for TestDatabase {
    /// On a thread of its own: the test's runtime may be ending. What can't be dropped is left behind.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server).await.ok()?;
                connection.execute(format!("drop database if exists {name} with (force)").as_str()).await.ok()
            })
        });
        let _ = dropping.join();
    }
}

/// Somebody of a new organization with a command of its own; change what matters with struct update.
pub fn caller() -> Caller {
    Caller {
        organization_id: Uuid::now_v7(),
        actor_id: Uuid::now_v7(),
        command_id: Uuid::now_v7(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        now: Instant::from_micros(1_767_225_600_000_000),
        origin: Origin { ip_address: Some("192.0.2.7".to_owned()), ..Origin::default() },
        request: b"a request".to_vec(),
    }
}

impl Caller {
    /// The same caller with another command.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { command_id: Uuid::now_v7(), ..self.clone() }
    }
}

/// An ignored test of the same binary, run as a process that can be stopped and killed; killed with this value.
pub struct Process(Child);

impl Process {
    /// Starts it, with more environment.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn of_test(test: &str, environment: &[(&str, String)]) -> Self {
        let program = std::env::current_exe().expect("a test is a program");
        let arguments = ["--exact", test, "--ignored", "--quiet"];
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value))).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a test can be started again"))
    }

    /// Sends it a signal, `-STOP`.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name} can't be sent");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn template(server: &PgConnectOptions, connection: &mut PgConnection) -> String {
    let checksums: Vec<_> = MIGRATIONS.iter().map(|migration| migration.checksum.clone()).collect();
    let name = format!("anamnesis_template_{:016x}", BuildHasherDefault::<DefaultHasher>::default().hash_one(checksums));
    run(connection, &format!("select pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let is_ready: Option<bool> = sqlx::query_scalar("select datistemplate from pg_database where datname = $1")
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await
        .expect("the test server answers");
    if is_ready.is_none() {
        run(connection, &format!("create database {name}")).await;
    }
    if is_ready != Some(true) {
        migrate(server.clone().database(&name).to_url_lossy().as_str()).await.expect("the migrations run");
        run(connection, &format!("alter database {name} is_template true")).await;
    }
    run(connection, &format!("select pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(sql).await.unwrap_or_else(|error| panic!("`{sql}`: {error}"));
}
