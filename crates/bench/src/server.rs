//! Where do the benchmarks' databases come from, and where do they go?

use std::str::FromStr as _;
use std::sync::Arc;

use anamnesis_journal::{Journal, JournalSettings, Role, migrate, pool_as};
use anamnesis_vault::{Keyring, Vault, VaultSettings};
use anyhow::{Context as _, Result, ensure};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

const SERVER: &str = "ANAMNESIS_TEST_DATABASE_URL";
const NEWEST: &str = "ANAMNESIS_TEST_NEWEST_DATABASE_URL";
/// As many connections as the running system has, unless told otherwise.
pub(crate) const CONNECTIONS: u32 = 16;

/// A running Postgres that keeps what it confirms.
#[derive(Clone)]
pub(crate) struct Server {
    options: PgConnectOptions,
    pub(crate) version: String,
    /// Only sides with this in their names are wanted.
    pub(crate) side: Option<String>,
}

impl Server {
    /// The one that `ANAMNESIS_TEST_DATABASE_URL` leads to, as a superuser.
    pub(crate) async fn from_env(side: Option<String>) -> Result<Self> {
        Self::at(SERVER, side).await
    }

    /// The newest Postgres, which `ANAMNESIS_TEST_NEWEST_DATABASE_URL` leads to.
    pub(crate) async fn newest(&self) -> Result<Self> {
        Self::at(NEWEST, self.side.clone()).await
    }

    async fn at(variable: &str, side: Option<String>) -> Result<Self> {
        let url = std::env::var(variable).with_context(|| format!("{variable} must be the URL of a running PostgreSQL, as a superuser"))?;
        let options = PgConnectOptions::from_str(&url)?.disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value: String = sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&mut connection).await?;
            ensure!(value == "on", "{setting} is {value}: a server that may forget what it confirmed is no measure");
        }
        let version = sqlx::query_scalar("select current_setting('server_version')").fetch_one(&mut connection).await?;
        Ok(Self { options, version, side })
    }

    /// Writes out what an earlier round has left to be written, so that nobody pays for others.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.execute("checkpoint").await
    }

    /// An empty database.
    pub(crate) async fn database(&self) -> Result<Database> {
        let name = format!("anamnesis_bench_{}", Uuid::now_v7().simple());
        self.execute(&format!("create database {name}")).await?;
        Ok(Database { server: self.clone(), name })
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        Ok(())
    }
}

/// A database that is dropped with this value.
pub(crate) struct Database {
    server: Server,
    name: String,
}

impl Database {
    /// Its address, as a superuser.
    pub(crate) fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    /// A superuser's connections.
    pub(crate) async fn superuser(&self, connections: u32) -> Result<PgPool> {
        Ok(PgPoolOptions::new().max_connections(connections).test_before_acquire(false).connect_with(self.options()).await?)
    }

    fn options(&self) -> PgConnectOptions {
        self.server.options.clone().database(&self.name)
    }
}

impl Drop for Database {
    /// On a thread of its own: the runtime can't be waited for here. What can't be dropped is left behind.
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("drop database if exists {} with (force)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(server.execute(&sql))
        });
        if !matches!(dropping.join(), Ok(Ok(()))) {
            println!("the database {} could not be dropped", self.name);
        }
    }
}

/// A journal with a database and a keyring of its own.
pub(crate) struct Installation {
    pub(crate) journal: Journal,
    pub(crate) database: Database,
    pub(crate) keyring: TempDir,
}

impl Installation {
    pub(crate) async fn new(server: &Server) -> Result<Self> {
        let (database, keyring) = (server.database().await?, tempfile::tempdir()?);
        migrate(&database.url()).await?;
        let pool = pool_as(&database.url(), Role::Writer, CONNECTIONS)?;
        let vault = open_vault(pool.clone(), keyring.path()).await?;
        let journal = Journal::open(pool, vault, JournalSettings::default());
        Ok(Self { journal, database, keyring })
    }
}

/// The vault over the keys of a database, with the keyring in that folder.
pub(crate) async fn open_vault(pool: PgPool, keyring: &std::path::Path) -> Result<Vault> {
    let keyring = Keyring::open_or_create(&keyring.join("keyring.toml"))?;
    Ok(Vault::open(pool, Arc::new(keyring), VaultSettings::default()).await?)
}
