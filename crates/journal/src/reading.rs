//! How do many who load a stream at the same time share one statement?
//!
//! A command waits for its stream, and a statement for each stream is what a server does most of its time when streams are short. So whoever
//! asks while others are being answered is answered with the next ones, by one statement for all of them.

use std::sync::Arc;
use std::time::Duration;

use anamnesis_loops::{Loops, Together, shared};
use anamnesis_vault::Sealed;
use futures::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use tokio::time::timeout;
use uuid::Uuid;

use crate::failure::Failure;
use crate::stream::{Stored, StoredEvent, StoredSnapshot};

#[cfg(test)]
mod tests;

/// Events of one stream in one answer at most; of a longer one the next are asked for, so that it keeps nobody waiting and nobody's memory swells.
const LONGEST_PART: u32 = 200;
/// A statement takes milliseconds; after this long it is given up.
const LONGEST_STATEMENT: Duration = Duration::from_secs(15);

/// Which part of a stream.
struct Question {
    aggregate_type: &'static str,
    aggregate_id: Uuid,
    beginning: Beginning,
}

/// Where a part of a stream begins.
#[derive(Clone, Copy)]
pub(crate) enum Beginning {
    /// With the snapshot, if there is one.
    Snapshot,
    /// With the event after this one; 0: with the first.
    After(u64),
}

/// A part of a stream: its snapshot perhaps, then its events in their order.
#[derive(Default)]
pub(crate) struct Part(pub(crate) Vec<Stored>);

impl Part {
    /// Whether the stream may go on after it.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= LONGEST_PART as usize
    }
}

/// `None`: there is a row that isn't what was written.
type Answer = Result<Option<Part>, Arc<sqlx::Error>>;

/// Reads streams. The loop behind it ends with it.
pub(crate) struct Reading(Together<Question, Answer>);

impl Reading {
    pub(crate) fn start(pool: PgPool, loops: &Loops) -> Self {
        Self(Together::start(loops, "streams", move |questions| answer_all(pool.clone(), questions)))
    }

    /// A part of a stream; empty if there is nothing.
    pub(crate) async fn part(&self, aggregate_type: &'static str, aggregate_id: Uuid, beginning: Beginning) -> Result<Part, Failure> {
        match self.0.ask(Question { aggregate_type, aggregate_id, beginning }).await {
            Some(Ok(part)) => part.ok_or(Failure::broken("a row of a stream isn't what was written")),
            Some(Err(error)) => Err(error.into()),
            None => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }
}

async fn answer_all(pool: PgPool, questions: Vec<Question>) -> Vec<Answer> {
    let parts = timeout(LONGEST_STATEMENT, read(&pool, &questions)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    shared(questions, parts.map(Vec::into_iter).map_err(Arc::new), |parts, _| Ok(parts.next().flatten()))
}

/// A part for each question.
async fn read(pool: &PgPool, questions: &[Question]) -> sqlx::Result<Vec<Option<Part>>> {
    let after = |question: &Question| match question.beginning {
        Beginning::Snapshot => None,
        Beginning::After(sequence) => Some(sequence.cast_signed()),
    };
    let mut rows = sqlx::query(include_str!("read_streams.sql"))
        .bind(questions.iter().map(|question| question.aggregate_type).collect::<Vec<_>>())
        .bind(questions.iter().map(|question| question.aggregate_id).collect::<Vec<_>>())
        .bind(questions.iter().map(after).collect::<Vec<_>>())
        .bind(i64::from(LONGEST_PART))
        .fetch(pool);
    let mut parts = questions.iter().map(|_| Some(Part::default())).collect::<Vec<_>>();
    while let Some(row) = rows.try_next().await? {
        let number: i64 = row.try_get(0)?;
        let part = usize::try_from(number - 1).ok().and_then(|n| parts.get_mut(n)).ok_or(sqlx::Error::RowNotFound)?;
        match (part.as_mut(), stored(&row)?) {
            (Some(part), Some(stored)) => part.0.push(stored),
            (_, None) | (None, _) => *part = None,
        }
    }
    Ok(parts)
}

/// `None`: it isn't what was written.
fn stored(row: &PgRow) -> sqlx::Result<Option<Stored>> {
    let organization_id = row.try_get("organization_id")?;
    let sequence = row.try_get::<i64, _>("sequence")?.cast_unsigned();
    let version = row.try_get::<i32, _>("version")?.cast_unsigned();
    let Ok(sealed) = Sealed::from_stored(row.try_get("sealed")?) else { return Ok(None) };
    let Some(event_id) = row.try_get("event_id")? else {
        return Ok(Some(Stored::Snapshot(StoredSnapshot { organization_id, sequence, version, state: sealed })));
    };
    let Ok(fingerprint) = row.try_get::<&[u8], _>("fingerprint")?.try_into() else { return Ok(None) };
    Ok(Some(Stored::Event(StoredEvent {
        organization_id,
        sequence,
        event_id,
        event_type: row.try_get("event_type")?,
        event_version: version,
        fingerprint,
        subject_id: row.try_get("subject_id")?,
        command_id: row.try_get("command_id")?,
        payload: sealed,
    })))
}
