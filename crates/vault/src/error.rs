//! Why is there no key?

use std::sync::Arc;

use uuid::Uuid;

use crate::provider::ProviderError;

/// Why the vault gave no key. Cloned to everyone who waited for the same statement.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The subject is being or has been erased: nothing may be sealed for it any more.
    #[error("subject {subject} is erased: nothing can be sealed for it")]
    Erased {
        /// Whose key it was.
        subject: Uuid,
    },
    /// The key-encryption keys aren't there.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Postgres didn't answer, or refused.
    #[error("the key store didn't answer")]
    Database(#[source] Arc<sqlx::Error>),
    /// The key store says something that can't be.
    #[error("the key store is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// The task that looks keys up has ended: the program is shutting down.
    #[error("the vault is closed")]
    Closed,
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}
