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
    let mut rows: Vec<Stored> = sqlx::query_as(ROWS).bind(patient).fetch_all(pool).await?;
    let mut key_ids = Vec::with_capacity(2 * rows.len());
    for row in &rows {
        key_ids.extend([Sealed::from_stored(row.payload.clone())?.key_id(), Sealed::from_stored(row.metadata.clone())?.key_id()]);
    }
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

impl Stored {
    fn open(self, keys: &OpenKeys) -> Result<(AnyEvent, Origin)> {
        let fingerprint: [u8; 8] = self.fingerprint.as_slice().try_into()?;
        let (sequence, version) = (u64::try_from(self.sequence)?, u32::try_from(self.event_version)?);
        let place = |subject| EventContext {
            organization: self.organization_id,
            aggregate_type: &self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence,
            event_id: self.event_id,
            event_type: &self.event_type,
            event_version: version,
            fingerprint,
            subject,
        };
        let (event, origin) = (Context::event(&place(self.subject_id)), Context::metadata(&place(self.metadata_subject_id)));
        let (payload, metadata) = (Sealed::from_stored(self.payload.clone())?, Sealed::from_stored(self.metadata.clone())?);
        let (payload, metadata) = (keys.open(&event, &payload)?, keys.open(&origin, &metadata)?);
        let (payload, metadata) = (payload.value().context("nobody is erased")?, metadata.value().context("nobody is erased")?);
        Ok((decode_any(&self.aggregate_type, &self.event_type, version, fingerprint, &payload)?, decode_origin(&metadata)?))
    }
}
