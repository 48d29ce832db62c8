//! Where does a consumer get the next entries from?

use std::error::Error;
use std::time::Duration;

use anamnesis_journal::log::{Log, LogError, SealedEntry};
use async_trait::async_trait;

/// One ordered source of log entries: the whole log, or one partition of a topic.
///
/// The consumer keeps the checkpoint, in the transaction of what it does; the feed proves that nothing is missing.
#[async_trait]
pub trait Feed: Send {
    /// The part of the log that comes through here: the second half of a checkpoint's name. The log itself is 0.
    fn partition(&self) -> u32;

    /// The entries of this feed directly after a position, in order: up to `limit`, and at least one unless none comes
    /// within `wait`. May be dropped while it waits, and asked for any position again.
    async fn after(&mut self, checkpoint: u64, limit: u32, wait: Duration) -> Result<Vec<SealedEntry>, FeedError>;

    /// The position of the last entry that is to be had here now, to tell how far behind a consumer is.
    async fn end(&mut self) -> Result<u64, FeedError>;
}

/// Why there are no entries.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The source doesn't answer; later it may.
    #[error("the feed is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something is missing or altered. Nothing after it may be used, and trying again doesn't help.
    #[error("the feed is broken")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

impl From<LogError> for FeedError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(_) => Self::Unavailable(error.into()),
            LogError::Gap { .. } | LogError::StreamGap { .. } | LogError::Altered { .. } => Self::Broken(error.into()),
        }
    }
}

/// The log itself as a feed.
#[derive(Clone, Debug)]
pub struct LogFeed {
    log: Log,
}

impl LogFeed {
    /// A feed over this log. Feeds over clones of one log share its listening connection.
    pub fn new(log: Log) -> Self {
        Self { log }
    }
}

#[async_trait]
impl Feed for LogFeed {
    fn partition(&self) -> u32 {
        0
    }

    async fn after(&mut self, checkpoint: u64, limit: u32, wait: Duration) -> Result<Vec<SealedEntry>, FeedError> {
        let entries = self.log.read_after(checkpoint, limit).await?;
        if !entries.is_empty() || self.log.wait_for(checkpoint + 1, wait).await.is_none() {
            return Ok(entries);
        }
        Ok(self.log.read_after(checkpoint, limit).await?)
    }

    async fn end(&mut self) -> Result<u64, FeedError> {
        Ok(self.log.head().await?.position)
    }
}
