//! What did the log say of one person at a position?

use anamnesis_domain::Recorded;
use anamnesis_journal::log::Log;
use anamnesis_stream::FeedError;
use anamnesis_vault::Vault;
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::filling::opened;

/// Entries read at once.
const PAGE: u32 = 1_000;

/// Everything that was sealed under one subject's key up to a position, in order. Folded
/// (`anamnesis_projections::kernel::fold_until`), it gives the rows about them as they were then.
pub async fn events_of(log: &Log, vault: &Vault, subject: Uuid, position: u64) -> Result<Vec<Recorded>, ProjectorError> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let entries = log.of_subject(subject, after, position, PAGE).await.map_err(FeedError::from)?;
        let is_last = entries.len() < PAGE as usize;
        after = entries.last().map_or(after, |entry| entry.position);
        events.extend(opened(entries, vault).await?);
        if is_last {
            return Ok(events);
        }
    }
}
