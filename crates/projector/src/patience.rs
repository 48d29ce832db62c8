//! How are tables changed that somebody may be reading?
//!
//! A change waits for those who read, and whoever wants to read later waits behind the change. So it waits a moment only, lets
//! everybody pass, and tries again.

use std::time::Duration;

use anamnesis_journal::transaction;
use anamnesis_projections::kernel::Projection;
use futures::future::BoxFuture;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::time::sleep;

use crate::error::ProjectorError;

/// How long a change waits at a time, and everybody who comes meanwhile with it.
const A_MOMENT: &str = "300ms";
const BETWEEN: Duration = Duration::from_millis(700);
/// An autovacuum never lets go by itself in time. Postgres cancels it for whoever has waited for `deadlock_timeout`, a second
/// as a rule: so every tenth attempt waits longer than that.
const A_LONG_MOMENT: &str = "1500ms";
const LONG_EVERY: u32 = 10;

/// Changes a projection's tables, in at most so many attempts.
pub(crate) async fn change<T>(
    owner: &PgPool,
    projection: &'static Projection,
    most: u32,
    mut change: impl for<'c> FnMut(&'c mut PgConnection) -> BoxFuture<'c, Result<T, ProjectorError>>,
) -> Result<T, ProjectorError> {
    let mut attempts = Attempts::new(owner, projection, most);
    loop {
        let mut tx = attempts.begin().await?;
        let changed = change(&mut tx).await;
        if let Some(changed) = attempts.end(tx, changed).await? {
            return Ok(changed);
        }
    }
}

/// Attempts to change a projection's tables, each in a transaction of its own: for whoever does something else between them.
pub(crate) struct Attempts {
    owner: PgPool,
    projection: &'static Projection,
    begun: u32,
    most: u32,
}

impl Attempts {
    /// At most so many: about as many seconds.
    pub(crate) fn new(owner: &PgPool, projection: &'static Projection, most: u32) -> Self {
        Self { owner: owner.clone(), projection, begun: 0, most }
    }

    /// A transaction that waits a moment for each lock; [`ProjectorError::StillRead`] after the last.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'static, Postgres>, ProjectorError> {
        if self.begun == self.most {
            return Err(ProjectorError::StillRead { projection: self.projection.name });
        }
        self.begun += 1;
        let moment = if self.begun.is_multiple_of(LONG_EVERY) { A_LONG_MOMENT } else { A_MOMENT };
        let mut tx = transaction::begin(&self.owner).await?;
        sqlx::query("select set_config('lock_timeout', $1, true)").bind(moment).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// Commits what was done. `None`: others hold what it needs; they have passed by now.
    pub(crate) async fn end<T>(&mut self, tx: Transaction<'static, Postgres>, done: Result<T, ProjectorError>) -> Result<Option<T>, ProjectorError> {
        match done {
            Ok(done) => {
                tx.commit().await?;
                Ok(Some(done))
            }
            Err(ProjectorError::Database(error)) if is_lock_timeout(&error) => {
                tx.rollback().await?;
                sleep(BETWEEN).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}
