//! Which sessions are open?

use std::time::Duration;

use anamnesis_domain::Instant;
use anamnesis_loops::{Loops, Together, shared};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Encode, PgExecutor, PgPool, Postgres, Type};
use tokio::time::timeout;
use uuid::Uuid;

use crate::AccessError;
use crate::token::TokenHash;

/// A look takes a millisecond; after this long it is given up.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// A session that hasn't ended, and how many events its account's stream has: what was known of the account at that
/// sequence still holds.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) account_sequence: u64,
    /// It ends then at the latest.
    pub(crate) ends_in: Duration,
}

pub(crate) struct NewSession<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) token_hash: TokenHash,
    pub(crate) account_id: Uuid,
    /// What the password that opens it was compared with.
    pub(crate) password_hash: &'a str,
    pub(crate) created_at: Instant,
    pub(crate) expires_at: Instant,
}

/// False: the account has another password by now. A change of it waits for this, then ends the session; or this waits for it.
pub(crate) async fn insert(pool: &PgPool, session: &NewSession<'_>) -> Result<bool, AccessError> {
    let inserted = sqlx::query(
        "insert into identity.sessions (session_id, token_hash, account_id, organization_id, created_at, last_seen_at, expires_at)
         select $1, $2, c.account_id, c.organization_id, $3, $3, $4
         from identity.credentials c
         where c.account_id = $5 and c.password_hash = $6
         for share",
    )
    .bind(session.session_id)
    .bind(session.token_hash.as_slice())
    .bind(DateTime::<Utc>::from(session.created_at))
    .bind(DateTime::<Utc>::from(session.expires_at))
    .bind(session.account_id)
    .bind(session.password_hash)
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Finds sessions by their tokens, with one statement for all who ask at the same time.
#[derive(Clone)]
pub(crate) struct Finder {
    pool: PgPool,
    finding: Together<TokenHash, Result<Option<Open>, AccessError>>,
}

impl Finder {
    pub(crate) fn start(pool: PgPool, idle_minutes: u32, loops: &Loops) -> Self {
        let asked = pool.clone();
        let finding = Together::start(loops, "sessions", move |tokens| find_all(asked.clone(), tokens, idle_minutes));
        Self { pool, finding }
    }

    /// The session with that token, unless it is too old or was idle for too long. Being found is being seen.
    pub(crate) async fn find(&self, token_hash: TokenHash) -> Result<Option<Session>, AccessError> {
        let found = self.finding.ask(token_hash).await.unwrap_or(Err(AccessError::Unavailable))?;
        if let Some(Open { session, unseen: true, .. }) = &found {
            touch(&self.pool, session.id).await?;
        }
        Ok(found.map(|open| open.session))
    }
}

/// In the order of the tokens.
async fn find_all(pool: PgPool, tokens: Vec<TokenHash>, idle_minutes: u32) -> Vec<Result<Option<Open>, AccessError>> {
    let hashes: Vec<&[u8]> = tokens.iter().map(TokenHash::as_slice).collect();
    let found = timeout(LONGEST_LOOK, open(&pool, "s.token_hash = any ($1)", hashes, idle_minutes)).await;
    let of = |found: &mut Vec<Open>, token: TokenHash| Ok(found.iter().find(|open| open.token_hash == token).cloned());
    shared(tokens, found.unwrap_or(Err(AccessError::Unavailable)), of)
}

/// The session with that id, if it is still open. Looking is not being seen: who does nothing has left.
pub(crate) async fn still(pool: &PgPool, session_id: Uuid, idle_minutes: u32) -> Result<Option<Session>, AccessError> {
    Ok(open(pool, "s.session_id = $1", session_id, idle_minutes).await?.pop().map(|open| open.session))
}

/// A session as it was found.
#[derive(Clone)]
struct Open {
    token_hash: Vec<u8>,
    session: Session,
    /// It wasn't seen in the last minute.
    unseen: bool,
}

/// As it is selected: token, session, account, organization, sequence, whether it wasn't seen lately, seconds that are left.
type Selected = (Vec<u8>, Uuid, Uuid, Uuid, i64, bool, f64);

/// The open sessions for which that condition holds.
async fn open<'q, K>(pool: &PgPool, condition: &str, key: K, idle_minutes: u32) -> Result<Vec<Open>, AccessError>
where
    K: Encode<'q, Postgres> + Type<Postgres> + 'q,
{
    let sql = format!(
        "select s.token_hash, s.session_id, s.account_id, s.organization_id,
                (select max(e.sequence) from journal.events e where e.aggregate_type = 'account' and e.aggregate_id = s.account_id),
                s.last_seen_at < now() - interval '1 minute',
                extract(epoch from s.expires_at - now())::double precision
         from identity.sessions s
         where {condition}
           and s.expires_at > now()
           and s.last_seen_at > now() - make_interval(mins => $2)"
    );
    let mut arguments = PgArguments::default();
    arguments.add(key).map_err(sqlx::Error::Encode)?;
    arguments.add(i32::try_from(idle_minutes).unwrap_or(i32::MAX)).map_err(sqlx::Error::Encode)?;
    let rows: Vec<Selected> = sqlx::query_as_with(&sql, arguments).fetch_all(pool).await?;
    let found = rows.into_iter().map(|(token_hash, id, account_id, organization_id, sequence, unseen, seconds)| {
        let account_sequence = u64::try_from(sequence).unwrap_or_default();
        let ends_in = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Open { token_hash, session: Session { id, account_id, organization_id, account_sequence, ends_in }, unseen }
    });
    Ok(found.collect())
}

/// Written at most once a minute, so that reading doesn't become writing.
async fn touch(pool: &PgPool, session_id: Uuid) -> Result<(), AccessError> {
    sqlx::query("update identity.sessions set last_seen_at = now() where session_id = $1").bind(session_id).execute(pool).await?;
    Ok(())
}

pub(crate) async fn delete(pool: &PgPool, session_id: Uuid) -> Result<(), AccessError> {
    sqlx::query("delete from identity.sessions where session_id = $1").bind(session_id).execute(pool).await?;
    Ok(())
}

/// Ends every session of an account.
pub(crate) async fn delete_all(executor: impl PgExecutor<'_>, organization_id: Uuid, account_id: Uuid) -> Result<(), AccessError> {
    sqlx::query("delete from identity.sessions where organization_id = $1 and account_id = $2")
        .bind(organization_id)
        .bind(account_id)
        .execute(executor)
        .await?;
    Ok(())
}
