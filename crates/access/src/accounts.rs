//! How does an account come to be, sign in and sign out?

use std::sync::Arc;
use std::time::Duration;

use anamnesis_cache::{Cache as SharedCache, Entry, Key, Looked, Part};
use anamnesis_domain::account::{
    Account, AccountCommand, AccountEvent, AccountStatus, NewAccount, Owner, PasswordCause, SignInFailure, SignInMethod, SignOutCause,
};
use anamnesis_domain::{Instant, Origin, SessionId};
use anamnesis_journal::{Caller, CommandError, Committed, Journal, transaction};
use anamnesis_loops::Loops;
use anamnesis_vault::{IndexKeys, Vault};
use chrono::{DateTime, Utc};
use moka::sync::Cache;
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

use crate::limits::Limits;
use crate::password::Passwords;
use crate::sessions::{self, Finder, NewSession, Session};
use crate::{AccessError, Actor, token};

/// How sign-in behaves.
#[derive(Clone, Copy, Debug)]
pub struct AccessSettings {
    /// How long a session lasts at most, in minutes.
    pub session_minutes: u32,
    /// How long a session may be idle, in minutes (45 CFR 164.312(a)(2)(iii), automatic logoff).
    pub idle_minutes: u32,
    /// How many passwords are hashed at once; each costs a core 80 ms.
    pub hashes_at_once: usize,
    /// How often anything may be asked for.
    pub limits: Limits,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self { session_minutes: 12 * 60, idle_minutes: 30, hashes_at_once: 2, limits: Limits::default() }
    }
}

/// Accounts and sessions.
#[derive(Clone)]
pub struct Access {
    pool: PgPool,
    journal: Journal,
    vault: Vault,
    cache: SharedCache,
    settings: AccessSettings,
    passwords: Passwords,
    sessions: Finder,
    /// By account: exact for the sequence it was read at, so a revoked role is gone at the next request.
    owners: Cache<Uuid, (u64, Arc<Owner>)>,
    /// By account, as exact: those that nobody could sign in to when it was last looked.
    closed: Cache<Uuid, (u64, Arc<Account>)>,
}

/// A new session.
pub struct SignedIn {
    /// What the client sends from now on. Shown once.
    pub token: SecretString,
    /// Until when at most.
    pub expires_at: Instant,
    /// Who it is.
    pub actor: Actor,
}

impl Access {
    /// `pool` connects as a role that may write `identity`. The task that finds sessions is one of these loops. Must be called inside a tokio runtime.
    pub fn new(pool: PgPool, journal: Journal, vault: Vault, cache: SharedCache, settings: AccessSettings, loops: &Loops) -> Self {
        let owners = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(5)).build();
        let closed = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_mins(15)).build();
        let sessions = Finder::start(pool.clone(), settings.idle_minutes, loops);
        Self { pool, journal, vault, cache, settings, passwords: Passwords::new(settings.hashes_at_once), sessions, owners, closed }
    }

    /// Creates an account that can sign in with `password`.
    pub async fn create_account(
        &self,
        account_id: Uuid,
        account: NewAccount,
        password: SecretString,
        caller: &Caller,
    ) -> Result<Committed<Account>, AccessError> {
        let email = account.profile.email.normalised();
        let hash = self.passwords.hash(password).await?;
        let command = AccountCommand::Create { now: caller.now, account };
        let created = self.journal.create::<Account>(account_id, command, caller).await.map_err(|error| of_command(&error))?;
        self.store_password(&created, caller, &email, &hash).await?;
        Ok(created)
    }

    /// True while no account can sign in: only then may the host create the first administrator.
    pub async fn is_empty(&self) -> Result<bool, AccessError> {
        let (any,): (bool,) = sqlx::query_as("select exists (select from identity.credentials)").fetch_one(&self.pool).await?;
        Ok(!any)
    }

    /// Opens a session, if address and password fit and the account may be used. Both outcomes become events.
    pub async fn sign_in(&self, email: &str, password: SecretString, origin: Origin, now: Instant) -> Result<SignedIn, AccessError> {
        let email = email.trim().to_lowercase();
        self.settings.limits.sign_in(&self.cache, &self.installation_keys().await?, &email, origin.ip_address.as_deref()).await?;
        let known = self.credentials(&email).await?;
        let fits = self.passwords.fits(password, known.as_ref().map(|c| c.password_hash.clone())).await?;
        let Some(known) = known else { return Err(AccessError::NotSignedIn) };
        let caller = known.caller(origin, now);
        if !fits {
            self.tell_wrong_password(&known, &caller).await?;
            return Err(AccessError::NotSignedIn);
        }
        self.open_session(&known, &caller).await
    }

    /// A guess at a closed account costs nothing but the comparison: no event, and its stream is read once for all of them.
    async fn tell_wrong_password(&self, known: &Credentials, caller: &Caller) -> Result<(), AccessError> {
        let Credentials { account_id, organization_id, account_sequence, .. } = *known;
        let is_closed = |account: &Account| account.status(caller.now) != Some(AccountStatus::Active);
        let account = match self.closed.get(&account_id) {
            Some((sequence, account)) if sequence == account_sequence => account,
            _ => {
                let loaded = self.journal.load::<Account>(organization_id, account_id).await.map_err(|error| of_command(&error))?;
                let (account, sequence) = loaded.ok_or(AccessError::NoAccount)?;
                let account = Arc::new(account);
                if is_closed(&account) {
                    self.closed.insert(account_id, (sequence, account.clone()));
                }
                account
            }
        };
        if !is_closed(&account) {
            let command = AccountCommand::TellSignInFailed { now: caller.now, cause: SignInFailure::WrongPassword };
            self.tell(account_id, command, caller).await?;
        }
        Ok(())
    }

    /// The session is kept before its event is told: who ends all of an account's sessions after that event finds it. Nobody
    /// has its token yet.
    async fn open_session(&self, known: &Credentials, caller: &Caller) -> Result<SignedIn, AccessError> {
        let (now, session_id) = (caller.now, Uuid::now_v7());
        let (token, token_hash) = token::issue()?;
        let expires_at = now.plus_minutes(self.settings.session_minutes);
        let Credentials { account_id, organization_id, .. } = *known;
        let session = NewSession { session_id, token_hash, account_id, password_hash: &known.password_hash, created_at: now, expires_at };
        if !sessions::insert(&self.pool, &session).await? {
            return Err(AccessError::NotSignedIn);
        }
        let sign_in = AccountCommand::SignIn { now, session_id: SessionId(session_id), method: SignInMethod::Password };
        let account_sequence = match self.tell(account_id, sign_in, caller).await {
            Ok(sequence) => sequence,
            Err(error) => {
                sessions::delete(&self.pool, session_id).await?;
                return Err(if matches!(error, AccessError::Refused(_)) { AccessError::NotSignedIn } else { error });
            }
        };
        let ends_in = Duration::from_mins(self.settings.session_minutes.into());
        let actor = self.actor(Session { id: session_id, account_id, organization_id, account_sequence, ends_in }, now).await?;
        Ok(SignedIn { token, expires_at, actor })
    }

    /// Who holds `token`, with the roles that hold at this moment.
    pub async fn authenticate(&self, token: &str, now: Instant) -> Result<Actor, AccessError> {
        let session = self.sessions.find(token::hash(token)).await?.ok_or(AccessError::NoSession)?;
        self.actor(session, now).await
    }

    /// The same session's actor as it is now: with the roles that hold at this moment, if the session is still open and its
    /// account may be used. For what goes on after its request was answered; it doesn't count as being there.
    pub async fn renew(&self, actor: &Actor, now: Instant) -> Result<Actor, AccessError> {
        let session = sessions::still(&self.pool, actor.session_id, self.settings.idle_minutes).await?.ok_or(AccessError::NoSession)?;
        self.actor(session, now).await
    }

    /// Counts that the actor asks for `endpoint` (a method and a path as it is mounted), and refuses if it is too often.
    pub async fn may_ask(&self, actor: &Actor, endpoint: &str) -> Result<(), AccessError> {
        self.settings.limits.request(&self.cache, actor, endpoint).await
    }

    /// Ends the actor's session. Ending it twice is not a mistake.
    pub async fn sign_out(&self, actor: &Actor, caller: &Caller) -> Result<(), AccessError> {
        sessions::delete(&self.pool, actor.session_id).await?;
        let session_id = Some(SessionId(actor.session_id));
        self.tell(actor.account_id, AccountCommand::SignOut { now: caller.now, session_id, cause: SignOutCause::Left }, caller).await?;
        Ok(())
    }

    /// Gives an account another password, as an administrator. Every session that the old one opened ends.
    pub async fn set_password(&self, account_id: Uuid, password: SecretString, caller: &Caller) -> Result<(), AccessError> {
        let loaded = self.journal.load::<Account>(caller.organization_id, account_id).await.map_err(|error| of_command(&error))?;
        let account = loaded.ok_or(AccessError::NoAccount)?.0;
        let email = account.owner().ok_or(AccessError::NoAccount)?.profile.email.normalised();
        let hash = self.passwords.hash(password).await?;
        let command = AccountCommand::TellPasswordChanged { now: caller.now, cause: PasswordCause::Administrator };
        let told = self.journal.execute::<Account>(account_id, command, caller, None).await.map_err(|error| of_command(&error))?;
        self.store_password(&told, caller, &email, &hash).await
    }

    /// Ends every session of an account: after what says that it may not be used, so that none opens meanwhile.
    pub async fn end_sessions(&self, organization_id: Uuid, account_id: Uuid) -> Result<(), AccessError> {
        sessions::delete_all(&self.pool, organization_id, account_id).await
    }

    async fn actor(&self, session: Session, now: Instant) -> Result<Actor, AccessError> {
        let owner = match self.owners.get(&session.account_id) {
            Some((sequence, owner)) if sequence == session.account_sequence => owner,
            _ => {
                let (sequence, owner) = self.owner(&session, now).await?.ok_or(AccessError::NoSession)?;
                self.owners.insert(session.account_id, (sequence, owner.clone()));
                owner
            }
        };
        Ok(Actor::of(&owner, session.account_id, session.organization_id, session.id, now))
    }

    /// The account's owner, from what other processes know, or from its stream. What they know counts for exactly the
    /// sequence that the database has just told, so whatever was revoked is gone at once, everywhere.
    async fn owner(&self, session: &Session, now: Instant) -> Result<Option<(u64, Arc<Owner>)>, AccessError> {
        let Session { account_id, organization_id, account_sequence, ends_in, .. } = *session;
        let key = Key::user_session(organization_id, account_id, ends_in);
        let ticket = match self.cache.look(&key, &[], account_sequence).await {
            Looked::Hit(hit) if hit.position == account_sequence => {
                match hit.parts.first().and_then(|part| serde_json::from_slice::<Owner>(&part.body).ok()) {
                    Some(owner) => return Ok(Some((account_sequence, Arc::new(owner)))),
                    None => None,
                }
            }
            Looked::Hit(_) => None,
            Looked::Miss(ticket) => Some(ticket),
        };
        let loaded = self.load(account_id, organization_id, now).await?;
        if let (Some(ticket), Some((sequence, owner))) = (ticket, &loaded)
            && let Ok(body) = serde_json::to_vec(&**owner)
        {
            self.cache.fill(ticket, &Entry { position: *sequence, parts: vec![Part::new(account_id, body)] }).await;
        }
        Ok(loaded)
    }

    /// The account's owner, if a session may be used now. What ends that is an event; time alone only ends a lock.
    async fn load(&self, account_id: Uuid, organization_id: Uuid, now: Instant) -> Result<Option<(u64, Arc<Owner>)>, AccessError> {
        let loaded = match self.journal.load::<Account>(organization_id, account_id).await.map_err(|error| of_command(&error)) {
            Err(AccessError::NoAccount) => None,
            loaded => loaded?,
        };
        Ok(loaded.and_then(|(account, sequence)| Some((sequence, Arc::new(account.in_session(now)?.clone())))))
    }

    async fn tell(&self, account_id: Uuid, command: AccountCommand, caller: &Caller) -> Result<u64, AccessError> {
        self.journal
            .execute::<Account>(account_id, command, caller, None)
            .await
            .map(|committed| committed.sequence)
            .map_err(|error| of_command(&error))
    }

    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, AccessError> {
        let index = self.email_index(email).await?;
        let row: Option<(Uuid, Uuid, String, i64)> = sqlx::query_as(
            "select c.account_id, c.organization_id, c.password_hash,
                    (select max(e.sequence) from journal.events e where e.aggregate_type = 'account' and e.aggregate_id = c.account_id)
             from identity.credentials c
             where c.email_index = $1",
        )
        .bind(index.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(account_id, organization_id, password_hash, sequence)| Credentials {
            account_id,
            organization_id,
            password_hash,
            account_sequence: u64::try_from(sequence).unwrap_or_default(),
        }))
    }

    /// Stores the password that a command gave, and ends every session that the one before it opened.
    ///
    /// The command that comes again stores what it couldn't the first time, if it was cut off before this; but never over a
    /// later password. An account's times don't run backwards, whatever clock told them.
    async fn store_password(&self, told: &Committed<Account>, caller: &Caller, email: &str, hash: &str) -> Result<(), AccessError> {
        let (account_id, organization_id) = (told.aggregate_id, caller.organization_id);
        let given_at = told.events.iter().find_map(|told| password_given_at(&told.event)).unwrap_or(caller.now);
        let index = self.email_index(email).await?;
        let mut tx = transaction::begin(&self.pool).await?;
        let stored = sqlx::query(include_str!("store_password.sql"))
            .bind(account_id)
            .bind(organization_id)
            .bind(index.as_slice())
            .bind(hash)
            .bind(DateTime::<Utc>::from(given_at))
            .bind(told.replayed)
            .execute(&mut *tx)
            .await?;
        if stored.rows_affected() > 0 {
            sessions::delete_all(&mut *tx, organization_id, account_id).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn email_index(&self, email: &str) -> Result<[u8; 16], AccessError> {
        Ok(self.installation_keys().await?.blind("identity.credentials.email", email))
    }

    /// The nil UUID stands for the installation: an address is looked up before its organization is known.
    async fn installation_keys(&self) -> Result<IndexKeys, AccessError> {
        self.vault.index(Uuid::nil()).await.map_err(|_| AccessError::Unavailable)
    }
}

struct Credentials {
    account_id: Uuid,
    organization_id: Uuid,
    password_hash: String,
    account_sequence: u64,
}

impl Credentials {
    /// Whoever signs in asks for it in their own name.
    fn caller(&self, origin: Origin, now: Instant) -> Caller {
        let command_id = Uuid::now_v7();
        Caller {
            organization_id: self.organization_id,
            actor_id: self.account_id,
            command_id,
            correlation_id: command_id,
            causation_id: None,
            now,
            origin,
            request: Vec::new(),
        }
    }
}

/// When an event gave its account a password, if it did.
fn password_given_at(event: &AccountEvent) -> Option<Instant> {
    if let AccountEvent::AccountCreated(created) = event {
        return Some(created.created_at);
    }
    if let AccountEvent::PasswordChanged(changed) = event { Some(changed.changed_at) } else { None }
}

fn of_command(error: &CommandError<anamnesis_domain::account::AccountError>) -> AccessError {
    match error {
        CommandError::Refused(refusal) => AccessError::Refused(*refusal),
        CommandError::Taken { .. } => AccessError::EmailTaken,
        CommandError::Unavailable(_) | CommandError::Conflict | CommandError::Expected { .. } => AccessError::Unavailable,
        CommandError::Erased | CommandError::NotFound => AccessError::NoAccount,
        CommandError::SameKeyOtherRequest | CommandError::SlotTaken { .. } | CommandError::Internal(_) => {
            AccessError::Broken("record what became of an account")
        }
    }
}
