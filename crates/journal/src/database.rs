//! How does the program reach its database, and as whom?

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};

/// The schema that can't be rebuilt, step by step; built into the program.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// A connection that has been idle for longer is asked whether it still lives before it is used.
const IDLE_UNCHECKED: Duration = Duration::from_secs(1);
/// How long somebody waits for a connection.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Who a connection acts as. Each may do what its work needs and no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Migrations only.
    Owner,
    /// Appends and sequences; changes or deletes no event.
    Writer,
    /// Reads the log, writes read models.
    Projector,
    /// Reads read models, row-level security enforced.
    Reader,
    /// Reads audit and log.
    Auditor,
}

impl Role {
    /// Its name in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "anamnesis_owner",
            Self::Writer => "anamnesis_writer",
            Self::Projector => "anamnesis_projector",
            Self::Reader => "anamnesis_reader",
            Self::Auditor => "anamnesis_auditor",
        }
    }
}

/// A pool whose connections act as `role`, whoever logs in; the login must be a member. Connects when first used.
///
/// The role is the session's own default, so `reset role` doesn't lead out of it. Statements aren't logged, slow ones
/// neither: the log is for strangers.
pub fn pool_as(url: &str, role: Role, max_connections: u32) -> sqlx::Result<PgPool> {
    // what takes milliseconds isn't compiled first, which takes hundreds of them wherever statistics are missing
    let options =
        PgConnectOptions::from_str(url)?.application_name("anamnesis").options([("role", role.as_str()), ("jit", "off")]).disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(max_connections).acquire_timeout(LONGEST_WAIT).test_before_acquire(false).before_acquire(
        |connection, meta| {
            Box::pin(async move {
                if meta.idle_for > IDLE_UNCHECKED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        },
    );
    Ok(pool.connect_lazy_with(options))
}

/// Brings the database to this build's schema, as whoever logs in: the owner of the tables.
///
/// Two processes that do so at once wait for each other.
pub async fn migrate(url: &str) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect(url).await?;
    // a notice a migration gives ("already exists, skipping") is no news
    connection.execute("set client_min_messages = warning").await?;
    MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
