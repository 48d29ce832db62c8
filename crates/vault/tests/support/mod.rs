//! A database of its own for each test, with the migrations applied.

use std::path::Path;
use std::sync::Arc;

use anamnesis_vault::{Keyring, Vault, VaultSettings};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

pub(crate) const URL: &str = "ANAMNESIS_TEST_DATABASE_URL";

pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
    /// Everything the application never may.
    pub(crate) superuser: PgPool,
    folder: tempfile::TempDir,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let url = std::env::var(URL).unwrap_or_else(|_| panic!("{URL} must name a running Postgres"));
        let server: PgConnectOptions = url.parse().unwrap();
        let name = format!("vault_{}", Uuid::now_v7().simple());
        statement(&server, &format!("create database {name} template template0")).await;
        let superuser = PgPoolOptions::new().max_connections(2).connect_with(server.clone().database(&name)).await.unwrap();
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        Migrator::new(migrations).await.unwrap().run(&superuser).await.unwrap();
        Self { server, name, superuser, folder: tempfile::tempdir().unwrap() }
    }

    /// A pool as the application has it: in the role that may append, and nothing else.
    pub(crate) async fn writer(&self, connections: u32) -> PgPool {
        let options = self.server.clone().database(&self.name).options([("role", "anamnesis_writer")]);
        PgPoolOptions::new().max_connections(connections).connect_with(options).await.unwrap()
    }

    /// Another process's vault: the same database and keyring, nothing else in common.
    pub(crate) async fn vault(&self) -> Vault {
        self.vault_with(VaultSettings::default()).await
    }

    pub(crate) async fn vault_with(&self, settings: VaultSettings) -> Vault {
        Vault::open(self.writer(4).await, self.keyring("keyring.toml"), settings).await.unwrap()
    }

    pub(crate) fn keyring(&self, file: &str) -> Arc<Keyring> {
        Arc::new(Keyring::open_or_create(&self.folder.path().join(file)).unwrap())
    }

    pub(crate) async fn as_superuser(&self, sql: &str) -> Result<u64, sqlx::Error> {
        Ok(sqlx::raw_sql(sql).execute(&self.superuser).await?.rows_affected())
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.superuser).await.unwrap()
    }

    pub(crate) async fn drop(self) {
        self.superuser.close().await;
        statement(&self.server, &format!("drop database {} with (force)", self.name)).await;
    }
}

async fn statement(server: &PgConnectOptions, sql: &str) {
    let mut connection = PgConnection::connect_with(server).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
