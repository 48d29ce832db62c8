//! How is reading a long stream made short?
//!
//! A snapshot is never needed and never trusted blindly: one of another version, or one that doesn't open, is passed
//! over, and the stream is read from its beginning. It is written after the answer, and a failure only costs time.

use std::sync::Arc;

use anamnesis_domain::Aggregate;
use anamnesis_vault::{Context, KeyOwner, SnapshotContext, Vault};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tracing::warn;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::stream::{Folded, Subjects};

/// Snapshots that are written at the same time; when there are more, the next one will do.
const AT_ONCE: usize = 2;

/// Writes snapshots.
pub(crate) struct Snapshots {
    pool: PgPool,
    vault: Vault,
    every: u64,
    turns: Arc<Semaphore>,
}

impl Snapshots {
    pub(crate) fn new(pool: PgPool, vault: Vault, every: u64) -> Self {
        Self { pool, vault, every, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Keeps the state if the stream has grown by enough since it was at `from`; in the background. `last` is whose
    /// key sealed the last event; what is of several persons isn't kept, or it would outlive an erasure.
    pub(crate) fn consider<A: Aggregate>(&self, last: KeyOwner, id: Uuid, from: u64, folded: Arc<Folded<A>>) {
        let is_due = self.every > 0 && folded.sequence / self.every > from / self.every;
        let owner = match folded.subjects {
            Subjects::One(subject) if is_due && subject == last.subject => last,
            Subjects::One(person) if is_due => KeyOwner::data(last.organization, person),
            Subjects::None | Subjects::One(_) | Subjects::Several => return,
        };
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return };
        let (pool, vault) = (self.pool.clone(), self.vault.clone());
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = write(&pool, &vault, owner, id, &folded).await {
                warn!(aggregate_type = A::TYPE, %id, error = %anyhow::Error::from(error), "a snapshot couldn't be written; reading the stream takes longer");
            }
        });
    }
}

/// Never backwards: another process may have written a later one.
async fn write<A: Aggregate>(pool: &PgPool, vault: &Vault, owner: KeyOwner, id: Uuid, folded: &Folded<A>) -> Result<(), Failure> {
    let key = vault.key(owner).await?;
    let context = Context::snapshot(&SnapshotContext {
        organization: owner.organization,
        aggregate_type: A::TYPE,
        aggregate_id: id,
        sequence: folded.sequence,
        version: A::SNAPSHOT_VERSION,
        subject: owner.subject,
    });
    let state = Zeroizing::new(serde_json::to_vec(&folded.state).map_err(|error| Failure::Internal(error.into()))?);
    sqlx::query(
        "insert into journal.snapshots (organization_id, aggregate_type, aggregate_id, sequence, state_version, state)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint snapshots_one_per_stream do update
         set sequence = excluded.sequence, state_version = excluded.state_version, state = excluded.state
         where snapshots.sequence < excluded.sequence",
    )
    .bind(owner.organization)
    .bind(A::TYPE)
    .bind(id)
    .bind(folded.sequence.cast_signed())
    .bind(A::SNAPSHOT_VERSION.cast_signed())
    .bind(key.seal(&context, &state).as_bytes())
    .execute(pool)
    .await?;
    Ok(())
}
