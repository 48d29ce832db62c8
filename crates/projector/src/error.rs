//! Why does a projection not go on?

use std::borrow::Cow;

use anamnesis_journal::log::{Unopened, Why};
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
    /// A table refuses a row.
    #[error("{table} refuses a row (SQLSTATE {code})")]
    Refused {
        /// The table.
        table: &'static str,
        /// Why, in Postgres's words for it.
        code: String,
    },
    /// So many streams are parked that it isn't their events.
    #[error("{parked} streams are parked: that many can't be poisoned, something else is wrong")]
    TooManyParked {
        /// How many.
        parked: usize,
    },
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
    #[error("its tables were made by another version of the program")]
    OtherDefinition,
    /// Row-level security hides rows from whoever asks.
    #[error("row-level security hides rows of {table} from this role: what it would see isn't the table")]
    Hidden {
        /// The table.
        table: &'static str,
    },
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
    /// The log doesn't go so far.
    #[error("the log ends at position {head}: {position} isn't there yet")]
    NotYet {
        /// The position that was asked for.
        position: u64,
        /// Where it ends.
        head: u64,
    },
    /// There are no tables to go back to.
    #[error("no earlier tables of {projection} are kept")]
    NothingKept {
        /// Which.
        projection: &'static str,
    },
    /// The tables to go back to are of another definition: this program can't fold into them.
    #[error("the tables of {projection} that are kept were made by another version of the program: go back with that version")]
    KeptByAnother {
        /// Which.
        projection: &'static str,
    },
    /// The tables to go back to lack events that were left out of them and have been taken since.
    #[error("the tables of {projection} that are kept lack events that have been taken since: rebuild it instead")]
    KeptWithout {
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

/// What a failure is about, and so what is done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Something doesn't answer. That tells nothing about any event: the same is tried again.
    Passing,
    /// An event, or the rows of its stream.
    OfEvent(Reason),
    /// The program, the tables or the log: the projection stands still.
    OfProjection,
}

/// Why an event can't be taken. Never what stands in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// It isn't what was logged.
    Altered,
    /// It doesn't open under its subject's key.
    Unopenable,
    /// This version of the program doesn't know its schema, or its bytes don't fit it.
    Undecodable,
    /// The projection's fold can't take it.
    Unfoldable,
    /// The table refuses what the fold makes of it.
    RowRefused,
    /// A row of its stream isn't what was written.
    RowDamaged,
}

impl Reason {
    /// All.
    pub const ALL: [Self; 6] = [Self::Altered, Self::Unopenable, Self::Undecodable, Self::Unfoldable, Self::RowRefused, Self::RowDamaged];

    /// Its name, in `journal.parked` and wherever it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Unopenable => "unopenable",
            Self::Undecodable => "undecodable",
            Self::Unfoldable => "unfoldable",
            Self::RowRefused => "row refused",
            Self::RowDamaged => "row damaged",
        }
    }

    /// What it means and what helps, for operators.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Altered => "the event isn't what was logged: `anamnesis verify` tells more; restore its row from a backup, then retry",
            Self::Unopenable => "the event doesn't open under its key: restore `journal.keys` or the keyring from a backup, then retry",
            Self::Undecodable => {
                "this version doesn't know the event's schema, or its bytes don't fit: install the version that wrote it, then retry"
            }
            Self::Unfoldable => {
                "the read model's fold fails at the event, which is a mistake in the program: install a corrected version, then retry"
            }
            Self::RowRefused => "the table refuses what the event makes of the row: undo what was changed on the table, then retry",
            Self::RowDamaged => "a row of the stream isn't what was written: rebuild the read model",
        }
    }
}

impl ProjectorError {
    /// Whether trying again may help: something didn't answer, as opposed to something being wrong.
    pub fn is_passing(&self) -> bool {
        self.fault() == Fault::Passing
    }

    /// What it is about. What is said to be an event's was found while an event was opened, folded or written.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Database(error) if is_passing(error) => Fault::Passing,
            Self::Feed(FeedError::Unavailable(_)) | Self::Vault(_) => Fault::Passing,
            Self::Poison(unopened) => Fault::OfEvent(reason(&unopened.why)),
            Self::Fold(_) | Self::Panicked { .. } => Fault::OfEvent(Reason::Unfoldable),
            Self::Refused { .. } => Fault::OfEvent(Reason::RowRefused),
            Self::Unreadable(_) | Self::Sealed { .. } => Fault::OfEvent(Reason::RowDamaged),
            Self::Database(_)
            | Self::Feed(FeedError::Broken(_))
            | Self::TooManyParked { .. }
            | Self::Gap { .. }
            | Self::TakenOver
            | Self::OtherDefinition
            | Self::Hidden { .. }
            | Self::Differs { .. }
            | Self::Incomplete { .. }
            | Self::NotYet { .. }
            | Self::NothingKept { .. }
            | Self::KeptByAnother { .. }
            | Self::KeptWithout { .. }
            | Self::Interrupted
            | Self::StillRead { .. }
            | Self::Rebuilding { .. } => Fault::OfProjection,
        }
    }

    /// The event, if the fold said which it can't take.
    pub(crate) fn position(&self) -> Option<u64> {
        match self {
            Self::Fold(FoldError { position, .. }) | Self::Panicked { position, .. } => Some(*position),
            Self::Poison(unopened) => Some(unopened.position),
            Self::Database(_)
            | Self::Feed(_)
            | Self::Refused { .. }
            | Self::TooManyParked { .. }
            | Self::Vault(_)
            | Self::Unreadable(_)
            | Self::Sealed { .. }
            | Self::Gap { .. }
            | Self::TakenOver
            | Self::OtherDefinition
            | Self::Hidden { .. }
            | Self::Differs { .. }
            | Self::Incomplete { .. }
            | Self::NotYet { .. }
            | Self::NothingKept { .. }
            | Self::KeptByAnother { .. }
            | Self::KeptWithout { .. }
            | Self::StillRead { .. }
            | Self::Interrupted
            | Self::Rebuilding { .. } => None,
        }
    }

    /// What it is when tables that are read aren't what this program reads: a column, a table or a type is missing.
    pub(crate) fn of_reading(error: sqlx::Error) -> Self {
        match code_of(&error).as_deref() {
            Some("42703" | "42P01" | "42883") => Self::OtherDefinition,
            Some(_) | None => Self::Database(error),
        }
    }

    /// What it is when a statement about rows fails: wrong data (22), a broken constraint (23) and what is too large for an
    /// index (54) are the row's fault.
    pub(crate) fn of_rows(table: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |error| match code_of(&error) {
            Some(code) if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => Self::Refused { table, code },
            Some(_) | None => Self::Database(error),
        }
    }
}

/// Why an event that didn't open can't be taken.
pub(crate) fn reason(why: &Why) -> Reason {
    match why {
        Why::Altered => Reason::Altered,
        Why::Sealed(_) => Reason::Unopenable,
        Why::Codec(_) => Reason::Undecodable,
    }
}

/// Wrong data (22), a broken constraint (23) and a wrong statement, table or right (42) stay wrong.
fn is_passing(error: &sqlx::Error) -> bool {
    code_of(error).is_none_or(|code| !["22", "23", "42"].iter().any(|class| code.starts_with(class)))
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(Cow::into_owned)
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
