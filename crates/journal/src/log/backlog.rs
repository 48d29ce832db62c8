//! How is much of the log read at once?
//!
//! With COPY: its rows are the columns' bytes with their lengths and nothing else, and there is one plan for many pages, of
//! which the next is read while the one before is worked on.

use futures::TryStreamExt as _;
use sqlx::{Connection as _, Executor as _, PgPool};
use tokio::sync::mpsc;

use super::LogError;
use super::copied::Rows;
use super::entry::{SealedEntry, Stored};

/// Entries that are read with one snapshot, at most: while it lasts nothing is vacuumed that was there when it began.
const STRETCH: u64 = 50_000;

/// The rows come in the order of an index, one look-up each; to sort them would mean to have them all first.
const IN_ORDER: &str = "set enable_sort = off; set enable_seqscan = off; set enable_bitmapscan = off; set max_parallel_workers_per_gather = 0";

/// See [`super::Log::copy_after`].
pub(super) async fn copy_after(
    pool: &PgPool,
    position: u64,
    limit: usize,
    bytes: usize,
    pages: &mpsc::Sender<Vec<SealedEntry>>,
) -> Result<u64, LogError> {
    // not the pool's any more: if this is dropped on the way, the rest of the answer is still to come
    let mut connection = pool.acquire().await?.detach();
    connection.execute(IN_ORDER).await?;
    let mut stretch = Stretch { page: Vec::with_capacity(limit), size: 0, reached: position, head: position };
    let up_to = position.saturating_add(STRETCH);
    let statement = format!(include_str!("copy_after.sql"), after = position, up_to = up_to);
    let mut rows = Rows::default();
    {
        let mut copied = connection.copy_out_raw(&statement).await?;
        while let Some(chunk) = copied.try_next().await? {
            rows.receive(&chunk);
            while let Some((head, stored)) = rows.next()? {
                stretch.size += stored.sealed_bytes();
                stretch.take(head, stored)?;
                if (stretch.page.len() >= limit || stretch.size >= bytes) && !stretch.send(pages, limit).await {
                    return Ok(stretch.reached);
                }
            }
        }
    }
    stretch.send(pages, 0).await;
    connection.close().await?;
    if stretch.reached < up_to.min(stretch.head) { Err(LogError::Gap { expected: stretch.reached + 1 }) } else { Ok(stretch.reached) }
}

/// What has come of a stretch.
struct Stretch {
    page: Vec<SealedEntry>,
    size: usize,
    reached: u64,
    head: u64,
}

impl Stretch {
    fn take(&mut self, head: u64, stored: Stored) -> Result<(), LogError> {
        let expected = self.reached + 1;
        if stored.position() != expected {
            return Err(LogError::Gap { expected });
        }
        self.page.push(SealedEntry::try_from(stored)?);
        (self.reached, self.head) = (expected, head);
        Ok(())
    }

    /// Sends the page; false when nobody wants it any more.
    async fn send(&mut self, pages: &mpsc::Sender<Vec<SealedEntry>>, next: usize) -> bool {
        self.size = 0;
        let page = std::mem::replace(&mut self.page, Vec::with_capacity(next));
        page.is_empty() || pages.send(page).await.is_ok()
    }
}
