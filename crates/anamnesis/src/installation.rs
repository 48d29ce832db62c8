//! How are the layers wired together? Here, and nowhere else.

use std::str::FromStr;
use std::sync::Arc;

use anamnesis_access::Access;
use anamnesis_cache::Cache;
use anamnesis_journal::log::Log;
use anamnesis_journal::{Journal, JournalSettings, Role, migrate, pool_as};
use anamnesis_loops::Loops;
use anamnesis_projector::{Deployment, Rebuild, ensure_schema};
use anamnesis_vault::{Keyring, Vault, VaultSettings};
use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::postgres::{Address, EmbeddedPostgres};

/// The name of our database on a server of our own.
const DATABASE: &str = "anamnesis";

/// A database that answers, and what was started so that it does.
pub(crate) struct Database {
    /// Connects as its owner.
    pub(crate) url: SecretString,
    /// What goes on so that it answers.
    pub(crate) loops: Loops,
    server: Option<(EmbeddedPostgres, DataDir)>,
}

impl Database {
    /// The configured database; or that of the `up` that runs on this data directory; or a server of our own, for as
    /// long as this value lives.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &config.database_url {
            return Ok(Self::of(url.clone()));
        }
        if let Some(running) = running(config)? {
            return Ok(Self::of(running.url(DATABASE)));
        }
        Self::start(config).await
    }

    /// As [`Database::open`], for whoever looks at what is there: of a journal that was made to be looked at, everything is true.
    pub(crate) async fn existing(config: &Config) -> anyhow::Result<Self> {
        let data_dir = &config.data_dir;
        let is_there = config.database_url.is_some() || EmbeddedPostgres::is_made(data_dir);
        ensure!(is_there, "there is no installation in {}: say with --data-dir or ANAMNESIS_DATABASE_URL where it is", data_dir.display());
        Self::open(config).await
    }

    /// The configured database or a server of our own; an `up` that runs on the same data directory is an error.
    pub(crate) async fn own(config: &Config) -> anyhow::Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self::of(url.clone())),
            None => Self::start(config).await,
        }
    }

    /// One that somebody else keeps up.
    fn of(url: SecretString) -> Self {
        Self { url, loops: Loops::default(), server: None }
    }

    async fn start(config: &Config) -> anyhow::Result<Self> {
        let data_dir = DataDir::open(&config.data_dir)?;
        let (programs, loops) = (config.postgres_bin.clone(), Loops::default());
        let watching = loops.clone();
        let started = tokio::task::spawn_blocking(move || {
            EmbeddedPostgres::start_watched(&data_dir, programs.as_deref(), &watching).map(|server| (server, data_dir))
        });
        let (server, data_dir) = started.await.context("wait for the database server")??;
        create_database(&server.url("postgres")).await?;
        Ok(Self { url: server.url(DATABASE), loops, server: Some((server, data_dir)) })
    }

    /// Stops the server, if it was started for this value.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let Some((server, data_dir)) = self.server else { return Ok(()) };
        tokio::task::spawn_blocking(move || {
            let stopped = server.stop();
            drop(data_dir);
            stopped
        })
        .await
        .context("wait for the database server to stop")?
    }
}

/// The server of another process of ours on the same data directory. Its lock says whether that process lives.
fn running(config: &Config) -> anyhow::Result<Option<Address>> {
    if !config.data_dir.exists() || DataDir::open(&config.data_dir).is_ok() {
        return Ok(None);
    }
    Address::of_running(&config.data_dir)
}

async fn create_database(url: &SecretString) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url.expose_secret()).await.context("connect to the database server")?;
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(DATABASE).fetch_one(&mut connection).await?;
    if !there {
        sqlx::query(&format!("create database {DATABASE}")).execute(&mut connection).await.context("create the database")?;
    }
    connection.close().await.context("close the connection")
}

/// Everything that works on one database.
#[derive(Clone)]
pub(crate) struct Installation {
    /// Connects as whoever logs in: tables of read models, verification.
    pub(crate) owner: PgPool,
    /// Connects as `anamnesis_writer`.
    pub(crate) writer: PgPool,
    /// Connects as `anamnesis_projector`.
    pub(crate) projector: PgPool,
    /// Connects as `anamnesis_reader`.
    pub(crate) reader: PgPool,
    /// Keys.
    pub(crate) vault: Vault,
    /// What was computed a moment ago.
    pub(crate) cache: Cache,
    /// Commands.
    pub(crate) journal: Journal,
    /// The total order.
    pub(crate) log: Log,
    /// Accounts.
    pub(crate) access: Access,
    /// What goes on in all of these, and in whatever runs on them.
    pub(crate) loops: Loops,
}

impl Installation {
    /// Migrates the database and wires everything that needs no task of its own.
    pub(crate) async fn open(config: &Config, url: &SecretString) -> anyhow::Result<Self> {
        Self::open_watched(config, url, Loops::default()).await
    }

    /// The same for a process that is watched: its loops are among these.
    pub(crate) async fn open_watched(config: &Config, url: &SecretString, loops: Loops) -> anyhow::Result<Self> {
        migrate(url.expose_secret()).await.context("apply the migrations")?;
        let connections = config.database_connections;
        let pool = |role| pool_as(url.expose_secret(), role, connections);
        let (writer, projector, reader) = (pool(Role::Writer)?, pool(Role::Projector)?, pool(Role::Reader)?);
        let owner = PgPoolOptions::new().max_connections(connections).connect_lazy_with(
            PgConnectOptions::from_str(url.expose_secret())?.options([("client_min_messages", "warning")]).disable_statement_logging(),
        );
        config.make_data_dir()?;
        let keyring = Keyring::open_or_create(&config.keyring_path()).context("open the keyring")?;
        let vault = Vault::open_watched(writer.clone(), Arc::new(keyring), VaultSettings::default(), loops.clone());
        let vault = vault.await.context("open the vault")?;
        let journal = Journal::open_watched(writer.clone(), vault.clone(), JournalSettings::default(), &loops);
        let cache = config.cache(&vault)?;
        let access = Access::new(writer.clone(), journal.clone(), vault.clone(), cache.clone(), config.access(), &loops);
        Ok(Self { owner, log: Log::watched(writer.clone(), loops.clone()), writer, projector, reader, vault, cache, journal, access, loops })
    }

    /// Makes the tables of the read models that aren't there. Those whose definition has changed are left to a
    /// [`Deployment`](Installation::deployment).
    pub(crate) async fn ensure_read_models(&self) -> anyhow::Result<()> {
        ensure_schema(&self.owner, anamnesis_projections::ALL).await.context("make the tables of the read models")?;
        Ok(())
    }

    /// What builds those read models anew whose definition has changed.
    pub(crate) fn deployment(&self) -> Deployment {
        Deployment::new(self.rebuilding(), anamnesis_projections::ALL)
    }

    /// What builds read models anew beside the live ones.
    pub(crate) fn rebuilding(&self) -> Rebuild {
        let rebuild = Rebuild::new(self.owner.clone(), self.projector.clone(), self.vault.clone(), self.log.clone());
        Rebuild { cache: Some(self.cache.clone()), ..rebuild }
    }
}
