//! Why did an attempt at a command come to nothing, before anybody says it to the caller?

use std::sync::Arc;

use anamnesis_codec::CodecError;
use anamnesis_vault::{OpenError, VaultError};

use crate::append::{AppendError, Verdict, is_the_server};
use crate::outcome::{CommandError, SlotKind};

/// What the store found, whatever the aggregate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the stream has changed")]
    Conflict,
    #[error("what is in memory of the stream may be of yesterday")]
    Outdated,
    #[error("a key was destroyed or forgotten meanwhile")]
    KeysGone,
    #[error("the stream is at {0}")]
    Expected(u64),
    #[error("the stream belongs to another organization")]
    Foreign,
    #[error("the stream's subject was erased")]
    Erased,
    #[error("the command was carried out before")]
    Duplicate,
    #[error("a {0} belongs to another stream")]
    Taken(String),
    #[error("the {0}'s time isn't free")]
    SlotTaken(SlotKind),
    #[error("the journal doesn't answer")]
    Unavailable(#[source] anyhow::Error),
    #[error("the journal failed")]
    Internal(#[source] anyhow::Error),
    /// What can't be. Made on the way of every command and hardly ever used, so it must cost nothing.
    #[error("the journal is broken: {0}")]
    Broken(&'static str),
}

impl Failure {
    pub(crate) const fn broken(what: &'static str) -> Self {
        Self::Broken(what)
    }

    /// What the caller hears. The bus has dealt with conflicts, duplicates and what is outdated before; what is left of them is a conflict.
    pub(crate) fn told<E>(self) -> CommandError<E> {
        match self {
            Self::Conflict | Self::Outdated | Self::KeysGone | Self::Duplicate => CommandError::Conflict,
            Self::Expected(actual) => CommandError::Expected { actual },
            Self::Foreign => CommandError::NotFound,
            Self::Erased => CommandError::Erased,
            Self::Taken(kind) => CommandError::Taken { kind },
            Self::SlotTaken(kind) => CommandError::SlotTaken { kind },
            Self::Unavailable(error) => CommandError::Unavailable(error),
            Self::Internal(error) => CommandError::Internal(error),
            Self::Broken(what) => CommandError::Internal(anyhow::Error::msg(what)),
        }
    }
}

impl From<Verdict> for Result<(), Failure> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Appended => Ok(()),
            Verdict::Duplicate => Err(Failure::Duplicate),
            Verdict::Conflict => Err(Failure::Conflict),
            Verdict::Taken(kind) => Err(Failure::Taken(kind)),
            Verdict::SlotTaken(kind) => Err(Failure::SlotTaken(kind)),
            Verdict::KeysGone(_) => Err(Failure::KeysGone),
            Verdict::HeldBack => Err(Failure::broken("a command was held back that was in no group")),
        }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Raced => Self::Conflict,
            AppendError::Unavailable(_) => Self::Unavailable(error.into()),
            AppendError::Refused(_) => Self::Internal(error.into()),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Arc::new(error).into()
    }
}

/// Of those who share a statement, each hears the same.
impl From<Arc<sqlx::Error>> for Failure {
    fn from(error: Arc<sqlx::Error>) -> Self {
        if is_the_server(&error) { Self::Unavailable(error.into()) } else { Self::Internal(error.into()) }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Erased { .. } => Self::Erased,
            VaultError::Provider(_) | VaultError::Database(_) | VaultError::Closed => Self::Unavailable(error.into()),
            VaultError::Inconsistent(_) => Self::Internal(error.into()),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self::Internal(error.into())
    }
}
