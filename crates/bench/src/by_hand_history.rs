//! What is the least that one has to do to know what happened to a patient? One statement for all rows, which are opened
//! and decoded on all cores. No hash is checked, nothing folded.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use anamnesis_codec::{decode_any, decode_origin};
use anamnesis_domain::{AnyEvent, Origin};
use anamnesis_vault::{Context, EventContext, OpenKeys, Sealed, Vault};
use anyhow::{Context as _, Result};
use sqlx::{FromRow, PgPool};
use tokio::task::JoinSet;
use uuid::Uuid;

const ROWS: &str = "
    select event.organization_id, event.aggregate_type, event.aggregate_id, event.sequence, event.event_id, event.event_type, event.event_version,
        event.fingerprint, event.subject_id, event.metadata_subject_id, event.payload, event.metadata
    from journal.log
    join journal.events as event using (aggregate_type, aggregate_id, sequence)
    where log.subject_id = $1
    order by log.position";

#[derive(FromRow)]
struct Stored {
    organization_id: Uuid,
    aggregate_type: String,
    aggregate_id: Uuid,
    sequence: i64,
    event_id: Uuid,
    event_type: String,
    event_version: i32,
    fingerprint: Vec<u8>,
    subject_id: Uuid,
    metadata_subject_id: Uuid,
    payload: Vec<u8>,
    metadata: Vec<u8>,
}

/// How many events there are, when all are opened.
pub(crate) async fn opened(pool: &PgPool, vault: &Vault, patient: Uuid) -> Result<usize> {
    let stored: Vec<Stored> = sqlx::query_as(ROWS).bind(patient).fetch_all(pool).await?;
    let mut rows = stored.into_iter().map(Row::parse).collect::<Result<Vec<_>>>()?;
    let mut key_ids: Vec<_> = rows.iter().flat_map(|row| [row.payload.key_id(), row.metadata.key_id()]).collect();
    key_ids.sort_unstable();
    key_ids.dedup();
    let keys = Arc::new(vault.open_keys(&key_ids).await?);
    let (chunk, mut opening) = (rows.len().div_ceil(available_parallelism().map_or(1, NonZero::get)), JoinSet::new());
    while !rows.is_empty() {
        let (part, keys) = (rows.split_off(rows.len().saturating_sub(chunk)), Arc::clone(&keys));
        opening.spawn_blocking(move || part.into_iter().map(|row| row.open(&keys)).collect::<Result<Vec<_>>>());
    }
    let mut opened = 0;
    while let Some(part) = opening.join_next().await {
        opened += part??.len();
    }
    Ok(opened)
}

/// A row, with what is sealed in it.
struct Row {
    stored: Stored,
    payload: Sealed,
    metadata: Sealed,
}

impl Row {
    fn parse(mut stored: Stored) -> Result<Self> {
        let [payload, metadata] = [&mut stored.payload, &mut stored.metadata].map(std::mem::take);
        Ok(Self { stored, payload: Sealed::from_stored(payload)?, metadata: Sealed::from_stored(metadata)? })
    }

    fn open(&self, keys: &OpenKeys) -> Result<(AnyEvent, Origin)> {
        let Stored { organization_id, ref aggregate_type, aggregate_id, event_id, ref event_type, .. } = self.stored;
        let fingerprint: [u8; 8] = self.stored.fingerprint.as_slice().try_into()?;
        let (sequence, event_version) = (u64::try_from(self.stored.sequence)?, u32::try_from(self.stored.event_version)?);
        let place = |subject| EventContext {
            organization: organization_id,
            aggregate_type,
            aggregate_id,
            sequence,
            event_id,
            event_type,
            event_version,
            fingerprint,
            subject,
        };
        let event = keys.open(&Context::event(&place(self.stored.subject_id)), &self.payload)?;
        let origin = keys.open(&Context::metadata(&place(self.stored.metadata_subject_id)), &self.metadata)?;
        let (event, origin) = (event.value().context("nobody is erased")?, origin.value().context("nobody is erased")?);
        Ok((decode_any(aggregate_type, event_type, event_version, fingerprint, &event)?, decode_origin(&origin)?))
    }
}
