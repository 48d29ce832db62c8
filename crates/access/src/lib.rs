//! Who may do what: accounts, sessions, roles.
//!
//! Decisions are testable without a server: nothing here knows HTTP. When in doubt the answer is no.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod accounts;
mod actor;
mod limits;
mod password;
mod policy;
mod sessions;
mod token;

pub use accounts::{Access, AccessSettings, SignedIn};
pub use actor::Actor;
pub use limits::Limits;
pub use policy::{Permission, Reach, Scope};

/// Why an access was refused or couldn't be decided. Never says which part of a sign-in was wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessError {
    /// Unknown address, wrong password, locked or out of use: they look the same from outside.
    #[error("the e-mail address and password don't open an account")]
    NotSignedIn,
    /// No such session, or it has expired, or its account can't be used.
    #[error("the session has ended")]
    NoSession,
    /// There is no such account in the organization.
    #[error("there is no such account")]
    NoAccount,
    /// Too short or too long.
    #[error("a password must have 12 to 256 characters")]
    WeakPassword,
    /// Another account has that address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// There is an administrator already.
    #[error("there is an administrator already: sign in as one to create accounts")]
    NotTheFirst,
    /// A rule on accounts said no.
    #[error(transparent)]
    Refused(#[from] anamnesis_domain::account::AccountError),
    /// Asked for more often than is allowed.
    #[error("this was asked for too often")]
    TooOften {
        /// After so long it may be again.
        again_in: std::time::Duration,
    },
    /// The database can't be reached now.
    #[error("accounts can't be checked now")]
    Unavailable,
    /// Something else is broken; says what was being done.
    #[error("could not {0}")]
    Broken(&'static str),
}

impl From<sqlx::Error> for AccessError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the list of sqlx's errors is open")]
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Unavailable,
            sqlx::Error::Database(error) if error.constraint() == Some("credentials_email_taken") => Self::EmailTaken,
            sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("57") || code.starts_with("08")) => Self::Unavailable,
            _ => Self::Broken("read or write accounts"),
        }
    }
}
