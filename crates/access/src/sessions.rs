//! Which sessions are open?

use std::time::Duration;

use anamnesis_domain::Instant;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Encode, PgExecutor, PgPool, Postgres, Type};
use uuid::Uuid;

use crate::AccessError;
use crate::token::TokenHash;

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

/// The session with that token, unless it is too old or was idle for too long. Being found is being seen.
pub(crate) async fn find(pool: &PgPool, token_hash: &TokenHash, idle_minutes: u32) -> Result<Option<Session>, AccessError> {
    let Some((session, unseen)) = open(pool, "s.token_hash = $1", token_hash.as_slice(), idle_minutes).await? else { return Ok(None) };
    if unseen {
        touch(pool, session.id).await?;
    }
    Ok(Some(session))
}

/// The session with that id, if it is still open. Looking is not being seen: who does nothing has left.
pub(crate) async fn still(pool: &PgPool, session_id: Uuid, idle_minutes: u32) -> Result<Option<Session>, AccessError> {
    Ok(open(pool, "s.session_id = $1", session_id, idle_minutes).await?.map(|(session, _)| session))
}

/// The open session for which that condition holds, and whether it wasn't seen in the last minute.
async fn open<'q, K>(pool: &PgPool, condition: &str, key: K, idle_minutes: u32) -> Result<Option<(Session, bool)>, AccessError>
where
    K: Encode<'q, Postgres> + Type<Postgres> + 'q,
{
    let sql = format!(
        "select s.session_id, s.account_id, s.organization_id,
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
    let row: Option<(Uuid, Uuid, Uuid, i64, bool, f64)> = sqlx::query_as_with(&sql, arguments).fetch_optional(pool).await?;
    let Some((session_id, account_id, organization_id, sequence, unseen, seconds)) = row else { return Ok(None) };
    let account_sequence = u64::try_from(sequence).unwrap_or_default();
    let ends_in = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(Some((Session { id: session_id, account_id, organization_id, account_sequence, ends_in }, unseen)))
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
