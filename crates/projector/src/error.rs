//! Why does a projection not go on?

use anamnesis_journal::log::Unopened;
use anamnesis_projections::kernel::{FoldError, Unreadable};
use anamnesis_stream::FeedError;
use anamnesis_vault::{OpenError, VaultError};

/// What went wrong. Says where, never what stood there.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// Postgres didn't answer, or refused.
    #[error("the read models' database refused ({})", told(.0))]
    Database(#[from] sqlx::Error),
    /// The source of events failed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// There is no key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An event that nobody can open.
    #[error(transparent)]
    Poison(#[from] Box<Unopened>),
    /// An event that the fold can't take.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The fold panicked.
    #[error("{table} can't fold the event at position {position}: its fold panicked")]
    Panicked {
        /// The table.
        table: &'static str,
        /// The event.
        position: u64,
    },
    /// A row isn't what the program wrote.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A value doesn't open where it stands.
    #[error("a row of {table} holds a value that doesn't open")]
    Sealed {
        /// The table.
        table: &'static str,
        /// Why.
        #[source]
        why: OpenError,
    },
    /// A position is missing between a checkpoint and the events after it.
    #[error("position {expected} is missing: the next event has position {found}")]
    Gap {
        /// The position that should have come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// Another process runs the projection now.
    #[error("another process has taken the projection over")]
    TakenOver,
    /// The tables are of another definition than this program's.
    #[error("its tables were made by another version of the program: rebuild it")]
    OtherDefinition,
    /// A rebuilt read model isn't what the live one is.
    #[error("the rebuilt rows of {projection} at position {position} differ from the live ones: {rebuilt} and {live}")]
    Differs {
        /// Which.
        projection: &'static str,
        /// At which position they were compared.
        position: u64,
        /// The digest of what was rebuilt.
        rebuilt: String,
        /// The digest of what was live.
        live: String,
    },
    /// The log gave fewer events than it says it has.
    #[error("the log is not whole: {expected} was to be reached, {found} was")]
    Incomplete {
        /// Where it says it ends.
        expected: u64,
        /// Where it ended.
        found: u64,
    },
    /// Long transactions go on reading the tables that were to be replaced.
    #[error("the tables of {projection} are read by transactions that don't end: try again later")]
    StillRead {
        /// Which.
        projection: &'static str,
    },
    /// A thread of the program died.
    #[error("a thread of the program died")]
    Interrupted,
    /// Another rebuild of the same projection is going on.
    #[error("{projection} is being rebuilt already")]
    Rebuilding {
        /// Which.
        projection: &'static str,
    },
}

impl ProjectorError {
    /// Whether trying again may help: something didn't answer, as opposed to something being wrong.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => is_passing(error),
            Self::Feed(FeedError::Unavailable(_)) | Self::Vault(_) => true,
            Self::Feed(FeedError::Broken(_))
            | Self::Poison(_)
            | Self::Fold(_)
            | Self::Panicked { .. }
            | Self::Unreadable(_)
            | Self::Sealed { .. }
            | Self::Gap { .. }
            | Self::TakenOver
            | Self::OtherDefinition
            | Self::Differs { .. }
            | Self::Incomplete { .. }
            | Self::Interrupted
            | Self::StillRead { .. }
            | Self::Rebuilding { .. } => false,
        }
    }
}

/// Wrong data (22), a broken constraint (23) and a wrong statement, table or right (42) stay wrong.
fn is_passing(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
        Some(code) => !["22", "23", "42"].iter().any(|class| code.starts_with(class)),
        None => true,
    }
}

/// The SQLSTATE, or what kind of failure it was: a message of Postgres may quote what stood in a row.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list of sqlx's errors is open")]
fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refused) => format!("SQLSTATE {}", refused.code().unwrap_or_default()),
        sqlx::Error::Io(_) => "it doesn't answer".to_owned(),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => "no connection is free".to_owned(),
        _ => "the answer isn't what was asked for".to_owned(),
    }
}
