//! What happens when a statement with many commands fails?
//!
//! A race with another process: it is sent again, and then sees what the other has written. Anything else that a
//! single command may have caused: each goes alone. Postgres itself: nobody knows what became of them, so each caller
//! is told to ask again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::statement::{Answer, Together, append};
use super::{Append, Verdict};

/// How often a statement that met another process's is sent again.
const MOST_RACES: u32 = 5;
/// A statement takes milliseconds; after this long its connection is given up.
const LONGEST_STATEMENT: Duration = Duration::from_secs(15);
/// A connection goes from statement to statement so long. Whenever the pool gets one back it asks the server how it is: a round
/// trip, which at each statement would keep the next one waiting.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Why there is no verdict. Cloned to every command of the statement.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// Postgres doesn't answer, or can't write. The commands may be committed or not.
    #[error("the journal can't be written")]
    Unavailable(#[source] Option<Arc<sqlx::Error>>),
    /// Other processes got in between, every time. Nothing is committed.
    #[error("other processes write the same")]
    Raced,
    /// Postgres refuses this command. It isn't committed.
    #[error("the journal refuses the command")]
    Refused(#[source] Arc<sqlx::Error>),
}

pub(crate) type Outcome = Result<Verdict, AppendError>;

/// Appends batches of commands, whatever happens, and has an outcome for each.
#[derive(Clone)]
pub(crate) struct Writer {
    pool: PgPool,
    /// Connections between two statements.
    kept: Arc<Mutex<Vec<Kept>>>,
    /// Nothing was in the way of the last batch, so nothing will be in the way of the next.
    hopeful: Arc<AtomicBool>,
}

impl Writer {
    /// As whoever `pool` connects as, over `connections` of its own: a pool hands out all it has in turn, and every
    /// server process that a statement goes to has to have its plans and tables in memory.
    pub(crate) fn new(pool: &PgPool, connections: usize) -> Self {
        let connections = u32::try_from(connections.max(1)).unwrap_or(u32::MAX);
        let options = pool.options().clone().min_connections(0).max_connections(connections);
        let pool = options.connect_lazy_with((*pool.connect_options()).clone());
        Self { pool, kept: Arc::default(), hopeful: Arc::new(AtomicBool::new(true)) }
    }

    /// All commands in one statement, each for itself.
    pub(crate) async fn batch(&self, commands: &[&Append]) -> Vec<Outcome> {
        let mut outcomes = vec![None; commands.len()];
        let mut rounds: Vec<Vec<usize>> = vec![(0..commands.len()).collect()];
        while let Some(round) = rounds.pop() {
            let these: Vec<&Append> = round.iter().map(|n| commands[*n]).collect();
            let together = Together::Batch { hopeful: self.hopeful.load(Ordering::Relaxed) };
            match self.statement(&these, together).await {
                Ok(Answer::Verdicts(verdicts)) => {
                    self.hopeful.store(verdicts.iter().all(|verdict| *verdict == Verdict::Appended), Ordering::Relaxed);
                    for (n, verdict) in round.into_iter().zip(verdicts) {
                        outcomes[n] = Some(Ok(verdict));
                    }
                }
                Ok(Answer::Unusable(keys)) => {
                    let is_affected = |n: &usize| commands[*n].key_ids().any(|key| keys.contains(&key));
                    let (affected, rest): (Vec<_>, Vec<_>) = round.into_iter().partition(is_affected);
                    for n in affected {
                        outcomes[n] = Some(Ok(Verdict::KeysGone(keys.clone())));
                    }
                    rounds.extend(Some(rest).filter(|rest| !rest.is_empty()));
                }
                Err(AppendError::Refused(_) | AppendError::Raced) if round.len() > 1 => rounds.extend(round.into_iter().map(|n| vec![n])),
                Err(error) => {
                    for n in round {
                        outcomes[n] = Some(Err(error.clone()));
                    }
                }
            }
        }
        outcomes.into_iter().map(|outcome| outcome.expect("every round gives each of its commands an outcome or passes it on")).collect()
    }

    /// All commands or none. They may share streams, claims and slots.
    pub(crate) async fn group(&self, commands: &[&Append]) -> Vec<Outcome> {
        match self.statement(commands, Together::Atomic).await {
            Ok(Answer::Verdicts(verdicts)) => verdicts.into_iter().map(Ok).collect(),
            Ok(Answer::Unusable(keys)) => vec![Ok(Verdict::KeysGone(keys)); commands.len()],
            Err(error) => vec![Err(error); commands.len()],
        }
    }

    async fn statement(&self, commands: &[&Append], together: Together) -> Result<Answer, AppendError> {
        let mut races = 0;
        loop {
            let error = match self.once(commands, together).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.as_database_error().map(class) {
                Some(Class::Race) if races < MOST_RACES => races += 1,
                Some(Class::Race) => return Err(AppendError::Raced),
                Some(Class::Command) => return Err(AppendError::Refused(Arc::new(error))),
                Some(Class::Server) | None => return Err(AppendError::Unavailable(Some(Arc::new(error)))),
            }
        }
    }

    async fn once(&self, commands: &[&Append], together: Together) -> sqlx::Result<Answer> {
        let mut kept = self.connection().await?;
        let Ok(answer) = tokio::time::timeout(LONGEST_STATEMENT, append(&mut kept.connection, commands, together)).await else {
            kept.connection.close_on_drop();
            return Err(sqlx::Error::PoolTimedOut);
        };
        // after an error the pool may see what is left of it
        if answer.is_ok() {
            self.kept().push(kept);
        }
        answer
    }

    async fn connection(&self) -> sqlx::Result<Kept> {
        let kept = self.kept().pop();
        match kept.filter(|kept| kept.since.elapsed() < KEPT_FOR) {
            Some(kept) => Ok(kept),
            None => Ok(Kept { connection: self.pool.acquire().await?, since: Instant::now() }),
        }
    }

    /// Nothing panics while it holds this.
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of the pool.
struct Kept {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

/// True when the error isn't about the statement but about the server or the way to it.
pub(crate) fn is_the_server(error: &sqlx::Error) -> bool {
    error.as_database_error().is_none_or(|error| matches!(class(error), Class::Server))
}

enum Class {
    Race,
    Server,
    Command,
}

/// By the classes of SQLSTATE (PostgreSQL's manual, appendix A).
fn class(error: &(dyn DatabaseError + 'static)) -> Class {
    let code = error.code().unwrap_or_default();
    let is_one_of = |codes: &[&str]| codes.iter().any(|prefix| code.starts_with(prefix));
    match () {
        // unique and exclusion violation, transaction rollback (deadlock, serialization)
        () if is_one_of(&["23505", "23P01", "40"]) => Class::Race,
        // connection, read-only transaction, insufficient resources, operator intervention, system error, internal error
        () if is_one_of(&["08", "25006", "53", "57", "58", "XX"]) => Class::Server,
        () => Class::Command,
    }
}
