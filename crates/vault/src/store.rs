//! How do keys get into `journal.keys` and out again?
//!
//! # Why a new key's commit need not be flushed
//!
//! A subject's first event needs a key, and 64 commands on new subjects would wait for the disk twice: once for their
//! keys, once for their events. So keys with the purpose `data` are committed with `synchronous_commit = off`. Nothing
//! can be lost by that: an event sealed under the key is committed synchronously, later in the same write-ahead log,
//! and flushing its record flushes everything before it, the key's commit included. (Waiting for a standby likewise.)
//! What remains is a server that crashed in between and forgot a key that this process still holds. The append
//! therefore checks in its statement that each key is there and active; on a miss it calls [`crate::Vault::forget`]
//! and seals again. (The key of somebody who is new goes with the append itself: [`NewKey`].) Keys whose every use isn't checked that way (index, object, backup…) are flushed as usual.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgPool;
use sqlx::types::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::cache::KeyCache;
use crate::error::VaultError;
use crate::key::{DataKey, KeyName, KeyOwner, Purpose};
use crate::new_key::NewKey;
use crate::provider::{KeyProvider, ProviderError};
use crate::sealed::Sealed;
use crate::secret::{Secret, random_id};
use crate::suite::Suite;
use crate::vault::{KeyFilter, KeyListing, KeyState, VaultSettings};

/// Owners in one statement.
const LARGEST_STATEMENT: usize = 1_000;
/// Each attempt fails only for owners whose key somebody else made meanwhile; the next one finds it.
const MOST_ATTEMPTS: usize = 5;

/// The table of keys, the provider that opens their wraps, and the cache of what was opened.
pub(crate) struct Store {
    pub(crate) pool: PgPool,
    pub(crate) provider: Arc<dyn KeyProvider>,
    pub(crate) cache: KeyCache,
    pub(crate) settings: VaultSettings,
}

/// A row of `journal.keys` with the wraps that our provider made.
#[derive(sqlx::FromRow)]
struct KeyRow {
    key_id: Uuid,
    organization_id: Uuid,
    subject_id: Uuid,
    purpose: String,
    version: i32,
    algorithm: String,
    state: String,
    wrapped: Vec<Vec<u8>>,
}

/// What became of a key.
#[derive(Clone)]
pub(crate) enum Fate {
    Usable(DataKey),
    Erased,
}

impl Store {
    /// The current key of each owner, made where there is none. One statement for up to 1,000 owners.
    pub(crate) async fn find_or_make(&self, owners: &[KeyOwner]) -> Result<HashMap<KeyOwner, Result<DataKey, VaultError>>, VaultError> {
        let mut found = HashMap::with_capacity(owners.len());
        for owners in owners.chunks(LARGEST_STATEMENT) {
            let mut missing = owners.to_vec();
            for _ in 0..MOST_ATTEMPTS {
                self.attempt(&missing, &mut found).await?;
                missing.retain(|owner| !found.contains_key(owner));
                if missing.is_empty() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn attempt(&self, owners: &[KeyOwner], found: &mut HashMap<KeyOwner, Result<DataKey, VaultError>>) -> Result<(), VaultError> {
        let mut proposals = self.propose(owners).await?;
        for row in self.insert(&proposals).await? {
            let (name, suite, state) = row.parse()?;
            let key = match proposals.remove(&name.key_id) {
                Some(proposal) => Ok(proposal.key),
                None => self.current(name, suite, state, &row.wrapped).await,
            };
            if let Ok(key) = &key {
                self.cache.put_current(key);
            }
            found.insert(name.owner, key);
        }
        Ok(())
    }

    /// An owner's newest key: whoever has a newest key that is gone gets no other one.
    async fn current(&self, name: KeyName, suite: Suite, state: KeyState, wraps: &[Vec<u8>]) -> Result<DataKey, VaultError> {
        match state {
            KeyState::Active => self.unwrap(name, suite, wraps).await,
            KeyState::Retired => Err(VaultError::Inconsistent("an owner's newest key is retired")),
            KeyState::Fenced | KeyState::Destroyed => Err(VaultError::Erased { subject: name.owner.subject }),
        }
    }

    /// A first key for an owner, which nobody has but the caller.
    pub(crate) async fn make_up(&self, owner: KeyOwner) -> Result<NewKey, VaultError> {
        let (name, secret) = (KeyName { key_id: random_id(), owner, version: 1 }, Secret::random());
        let wrap = Arc::new(self.provider.wrap(&name, &secret).await?);
        Ok(NewKey { key: DataKey::new(name, self.settings.suite, secret), wrap, provider: self.provider.uri().into() })
    }

    async fn propose(&self, owners: &[KeyOwner]) -> Result<HashMap<Uuid, NewKey>, VaultError> {
        let mut proposals = HashMap::with_capacity(owners.len());
        for owner in owners {
            let proposal = self.make_up(*owner).await?;
            proposals.insert(proposal.key.id(), proposal);
        }
        Ok(proposals)
    }

    async fn insert(&self, proposals: &HashMap<Uuid, NewKey>) -> Result<Vec<KeyRow>, VaultError> {
        let column = || proposals.values();
        let rows = sqlx::query_as(include_str!("find_or_make_keys.sql"))
            .bind(column().map(|p| p.key.owner().organization).collect::<Vec<_>>())
            .bind(column().map(|p| p.key.owner().subject).collect::<Vec<_>>())
            .bind(column().map(|p| p.key.owner().purpose.as_str()).collect::<Vec<_>>())
            .bind(proposals.keys().copied().collect::<Vec<_>>())
            .bind(column().map(|p| p.wrap.wrapping_key_id).collect::<Vec<_>>())
            .bind(column().map(|p| p.wrap.wrapping_key_version.cast_signed()).collect::<Vec<_>>())
            .bind(column().map(|p| p.wrap.epoch.cast_signed()).collect::<Vec<_>>())
            .bind(column().map(|p| p.wrap.wrapped.as_bytes()).collect::<Vec<_>>())
            .bind(self.settings.suite.as_str())
            .bind(self.provider.uri())
            .bind(column().all(|p| p.key.owner().purpose == Purpose::Data))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// The keys of these ids, opened or known to be erased. Left out is what the table doesn't know, and a key whose wrap
    /// is damaged: one such row must not keep a reader from all the others.
    pub(crate) async fn by_id(&self, key_ids: &[Uuid]) -> Result<HashMap<Uuid, Fate>, VaultError> {
        let rows: Vec<KeyRow> = sqlx::query_as(
            "select key_id, organization_id, subject_id, purpose, version, algorithm, state,
                    array(select w.wrapped from unnest(wraps) as w where w.provider = $2) as wrapped
             from journal.keys
             where key_id = any($1)",
        )
        .bind(key_ids)
        .bind(self.provider.uri())
        .fetch_all(&self.pool)
        .await?;
        let mut fates = HashMap::with_capacity(rows.len());
        for row in rows {
            match self.fate(&row).await {
                Ok(fate) => drop(fates.insert(row.key_id, fate)),
                Err(VaultError::Provider(ProviderError::WrapRefused(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(fates)
    }

    async fn fate(&self, row: &KeyRow) -> Result<Fate, VaultError> {
        let (name, suite, state) = row.parse()?;
        match state {
            KeyState::Active | KeyState::Retired => {
                let key = self.unwrap(name, suite, &row.wrapped).await?;
                match state {
                    // the one that seals: whoever opens an event and writes a row of it next finds it without asking
                    KeyState::Active => self.cache.put_current(&key),
                    KeyState::Retired | KeyState::Fenced | KeyState::Destroyed => self.cache.put(&key),
                }
                Ok(Fate::Usable(key))
            }
            KeyState::Fenced | KeyState::Destroyed => {
                self.cache.forget(name.key_id);
                Ok(Fate::Erased)
            }
        }
    }

    /// The id of an owner's first key.
    pub(crate) async fn first_version(&self, owner: KeyOwner) -> Result<Option<Uuid>, VaultError> {
        let id = sqlx::query_scalar(
            "select key_id from journal.keys
             where organization_id = $1 and subject_id = $2 and purpose = $3 and version = 1",
        )
        .bind(owner.organization)
        .bind(owner.subject)
        .bind(owner.purpose.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(id)
    }

    /// Some key that has a wrap, to see whether the provider is the one that made the wraps.
    pub(crate) async fn any_wrapped(&self) -> Result<Option<Uuid>, VaultError> {
        let id = sqlx::query_scalar("select key_id from journal.keys where cardinality(wraps) > 0 limit 1").fetch_optional(&self.pool).await?;
        Ok(id)
    }

    pub(crate) async fn list(&self, filter: &KeyFilter) -> Result<Vec<KeyListing>, VaultError> {
        let rows: Vec<ListRow> = sqlx::query_as(include_str!("list_keys.sql"))
            .bind(filter.organization)
            .bind(filter.subject)
            .bind(filter.after)
            .bind(i64::from(filter.limit))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(ListRow::listing).collect()
    }

    /// Opens the first wrap whose key-encryption key the provider has.
    async fn unwrap(&self, name: KeyName, suite: Suite, wraps: &[Vec<u8>]) -> Result<DataKey, VaultError> {
        let mut refused = VaultError::Inconsistent("a usable key has no wrap of this provider");
        for wrap in wraps {
            let wrapped = Sealed::from_stored(wrap.clone()).map_err(|_| VaultError::Inconsistent("a wrap is not a sealed value"))?;
            match self.provider.unwrap(&name, &wrapped).await {
                Ok(secret) => return Ok(DataKey::new(name, suite, secret)),
                Err(error) => refused = error.into(),
            }
        }
        Err(refused)
    }
}

impl KeyRow {
    fn parse(&self) -> Result<(KeyName, Suite, KeyState), VaultError> {
        let name = KeyName {
            key_id: self.key_id,
            owner: owner(self.organization_id, self.subject_id, &self.purpose)?,
            version: self.version.cast_unsigned(),
        };
        Ok((name, suite(&self.algorithm)?, state(&self.state)?))
    }
}

#[derive(sqlx::FromRow)]
struct ListRow {
    key_id: Uuid,
    organization_id: Uuid,
    subject_id: Uuid,
    purpose: String,
    version: i32,
    algorithm: String,
    state: String,
    active_from: DateTime<Utc>,
    active_to: Option<DateTime<Utc>>,
    rotated_at: Option<DateTime<Utc>>,
    providers: Vec<String>,
    wrapping_key_ids: Vec<Uuid>,
    epochs: Vec<i64>,
}

impl ListRow {
    fn listing(self) -> Result<KeyListing, VaultError> {
        Ok(KeyListing {
            key_id: self.key_id,
            owner: owner(self.organization_id, self.subject_id, &self.purpose)?,
            version: self.version.cast_unsigned(),
            suite: suite(&self.algorithm)?,
            state: state(&self.state)?,
            active_from: self.active_from,
            active_to: self.active_to,
            rotated_at: self.rotated_at,
            providers: self.providers,
            wrapping_key_ids: self.wrapping_key_ids,
            epochs: self.epochs.into_iter().map(i64::cast_unsigned).collect(),
        })
    }
}

fn owner(organization: Uuid, subject: Uuid, purpose: &str) -> Result<KeyOwner, VaultError> {
    let purpose = Purpose::from_name(purpose).ok_or(VaultError::Inconsistent("a key's purpose is unknown"))?;
    Ok(KeyOwner { organization, subject, purpose })
}

fn suite(algorithm: &str) -> Result<Suite, VaultError> {
    Suite::from_name(algorithm).ok_or(VaultError::Inconsistent("a key's algorithm is unknown"))
}

fn state(state: &str) -> Result<KeyState, VaultError> {
    KeyState::from_name(state).ok_or(VaultError::Inconsistent("a key's state is unknown"))
}
