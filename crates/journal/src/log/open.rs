//! How does a sealed entry become an event?
//!
//! Each entry is first compared with the hash that the log proves, then opened with its subject's key, then decoded.
//! An entry that fails says so alone; the others of the batch are opened all the same.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use anamnesis_codec::{CodecError, decode_any, decode_origin};
use anamnesis_domain::{AnyEvent, Opened, Origin, REGISTRY, Recorded};
use anamnesis_vault::{Context, EventContext, OpenError, OpenKeys, Sealed, Vault, VaultError};
use tokio::task::JoinSet;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::SealedEntry;

/// So many entries are opened at once without leaving the task: some milliseconds at most.
const OPENED_INLINE: usize = 256;

/// An entry that couldn't be opened. Its stream can't go on; others can.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("the event at position {position} ({aggregate_type}/{aggregate_id}, sequence {sequence}) can't be opened: {why}")]
pub struct Unopened {
    /// Where it stands in the log.
    pub position: u64,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Its stream.
    pub aggregate_id: Uuid,
    /// Its number in the stream.
    pub sequence: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// Why an entry couldn't be opened. That its subject was erased is no reason: it then opens as erased.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Why {
    /// The row isn't the one that was logged.
    #[error("its row was altered after it was logged")]
    Altered,
    /// It doesn't open under the key it names.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// Its bytes don't fit a schema that this build knows.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Opens entries in their order, each or the reason why not; one look-up for all their keys.
///
/// Fails as a whole only when the keys can't be looked up: then nothing is known about any entry, and trying again helps.
pub async fn open(entries: Vec<SealedEntry>, vault: &Vault) -> Result<Vec<Result<Recorded, Unopened>>, VaultError> {
    let keys = vault.open_keys(&key_ids(&entries)).await?;
    if entries.len() <= OPENED_INLINE {
        return Ok(open_with(&keys, entries));
    }
    Ok(open_in_parallel(keys, entries).await)
}

fn key_ids(entries: &[SealedEntry]) -> Vec<Uuid> {
    let mut ids: Vec<_> = entries.iter().flat_map(|entry| [Some(&entry.payload), entry.metadata.as_ref()]).flatten().map(Sealed::key_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn open_in_parallel(keys: OpenKeys, mut entries: Vec<SealedEntry>) -> Vec<Result<Recorded, Unopened>> {
    let keys = Arc::new(keys);
    let chunk = entries.len().div_ceil(available_parallelism().map_or(1, NonZero::get));
    let mut tasks = JoinSet::new();
    while !entries.is_empty() {
        // from the back, so that nothing is moved twice
        let part = entries.split_off(entries.len().saturating_sub(chunk));
        let keys = Arc::clone(&keys);
        tasks.spawn_blocking(move || (part.first().map(|first| first.position), open_with(&keys, part)));
    }
    let mut parts = tasks.join_all().await;
    parts.sort_unstable_by_key(|(first, _)| *first);
    let mut parts = parts.into_iter().map(|(_, opened)| opened);
    let mut whole = parts.next().unwrap_or_default();
    parts.for_each(|part| whole.extend(part));
    whole
}

fn open_with(keys: &OpenKeys, entries: Vec<SealedEntry>) -> Vec<Result<Recorded, Unopened>> {
    entries.into_iter().map(|entry| open_one(keys, entry)).collect()
}

fn open_one(keys: &OpenKeys, entry: SealedEntry) -> Result<Recorded, Unopened> {
    match parts_of(keys, &entry) {
        Ok((aggregate_type, event, origin)) => Ok(Recorded {
            position: entry.position,
            logged_at: entry.logged_at,
            recorded_at: entry.recorded_at,
            organization_id: entry.organization_id,
            aggregate_type,
            aggregate_id: entry.aggregate_id,
            sequence: entry.sequence,
            event_id: entry.event_id,
            event_type: entry.event_type,
            subject_id: entry.subject_id,
            command_id: entry.command_id,
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            actor_id: entry.actor_id,
            event,
            origin,
        }),
        Err(why) => Err(Unopened {
            position: entry.position,
            aggregate_type: entry.aggregate_type,
            aggregate_id: entry.aggregate_id,
            sequence: entry.sequence,
            why,
        }),
    }
}

type Parts = (&'static str, Opened<AnyEvent>, Opened<Origin>);

fn parts_of(keys: &OpenKeys, entry: &SealedEntry) -> Result<Parts, Why> {
    if entry.row().hash() != entry.row_hash {
        return Err(Why::Altered);
    }
    Ok((registered(entry)?, open_payload(keys, entry)?, open_origin(keys, entry)?))
}

fn registered(entry: &SealedEntry) -> Result<&'static str, Why> {
    let aggregate = REGISTRY.iter().find(|aggregate| aggregate.name == entry.aggregate_type);
    aggregate.map(|aggregate| aggregate.name).ok_or_else(|| {
        let (aggregate, name) = (entry.aggregate_type.clone(), entry.event_type.clone());
        CodecError::UnknownKind { aggregate, name, version: entry.event_version }.into()
    })
}

fn open_payload(keys: &OpenKeys, entry: &SealedEntry) -> Result<Opened<AnyEvent>, Why> {
    let context = Context::event(&place(entry, entry.subject_id));
    decoded(keys.open(&context, &entry.payload)?, |bytes| {
        decode_any(&entry.aggregate_type, &entry.event_type, entry.event_version, entry.fingerprint, bytes)
    })
}

fn open_origin(keys: &OpenKeys, entry: &SealedEntry) -> Result<Opened<Origin>, Why> {
    let Some(metadata) = &entry.metadata else {
        return Ok(Opened::Value(Origin::default()));
    };
    let context = Context::metadata(&place(entry, entry.metadata_subject_id));
    decoded(keys.open(&context, metadata)?, decode_origin)
}

fn place(entry: &SealedEntry, subject: Uuid) -> EventContext<'_> {
    EventContext {
        organization: entry.organization_id,
        aggregate_type: &entry.aggregate_type,
        aggregate_id: entry.aggregate_id,
        sequence: entry.sequence,
        event_id: entry.event_id,
        event_type: &entry.event_type,
        event_version: entry.event_version,
        fingerprint: entry.fingerprint,
        subject,
    }
}

/// From the vault's word for what is erased to the domain's, which knows no vault.
fn decoded<T>(opened: anamnesis_vault::Opened<Zeroizing<Vec<u8>>>, decode: impl FnOnce(&[u8]) -> Result<T, CodecError>) -> Result<Opened<T>, Why> {
    Ok(match opened.value() {
        Some(bytes) => Opened::Value(decode(&bytes)?),
        None => Opened::Erased,
    })
}
