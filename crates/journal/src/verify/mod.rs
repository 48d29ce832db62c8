//! Is every event still what was written, and where it was written?
//!
//! Everything that was ever computed is computed again from what is stored: row hashes, leaves, tiles, roots. Heads
//! that left the database (the signer's last one, and any that was handed out) show whether all of it was replaced.
//! Memory stays flat, and no snapshot is held for long: log and events are read in chunks.

mod entries;
mod queue;
mod streams;
mod tree;

use std::collections::BTreeSet;
use std::fmt;

use anamnesis_domain::Instant;
use sqlx::PgPool;
use uuid::Uuid;

use crate::log;
use crate::tree::{Head, SignedCheckpoint, Signer, SignerError, VerifyingKey};

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// The log, its tree and its signed heads: that nobody changed the order or what the log says of the events.
    Log,
    /// The events too, every column of every one, and that there is none that the log doesn't know.
    Full,
}

/// What a verification trusts: a key, and heads that were kept outside the database.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The key of the log's signer.
    pub key: VerifyingKey,
    /// Heads that this key signed; the log must contain them all.
    pub heads: Vec<SignedCheckpoint>,
}

impl Trust {
    /// The signer's own key, and the head that it remembers. Reads its file, so it may block.
    pub fn in_signer(signer: &Signer) -> Result<Self, SignerError> {
        Ok(Self { key: signer.verifying_key().clone(), heads: vec![signer.last()?] })
    }
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How much was looked at.
    pub depth: Depth,
    /// Size and root of the log as it is, as far as it has no gap.
    pub head: Head,
    /// When its last entry was logged.
    pub logged_at: Option<Instant>,
    /// Entries of the log that were read.
    pub entries: u64,
    /// Events that were read; 0 unless all were.
    pub events: u64,
    /// Streams that they are in.
    pub streams: u64,
    /// Events that wait in the queue.
    pub queued: u64,
    /// Stored tiles that were compared.
    pub tiles: u64,
    /// Signed heads that were checked, those that were trusted included.
    pub heads: u64,
    /// What is wrong, by position: the first `MOST_FINDINGS`.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub more_findings: u64,
}

impl Report {
    /// True when nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One thing that isn't as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Where in the log, if it is there.
    pub position: Option<u64>,
    /// The kind and id of the stream, if it is about one.
    pub stream: Option<(String, Uuid)>,
    /// The number in the stream.
    pub sequence: Option<u64>,
    /// What is wrong: a sentence without health data.
    pub what: String,
}

impl Finding {
    fn at(position: u64, what: impl Into<String>) -> Self {
        Self { position: Some(position), stream: None, sequence: None, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "position {position}: ")?;
        }
        if let Some((aggregate_type, id)) = &self.stream {
            write!(f, "{aggregate_type}/{id}")?;
            self.sequence.map_or(Ok(()), |sequence| write!(f, ", sequence {sequence}"))?;
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

/// So many findings are told one by one.
pub const MOST_FINDINGS: usize = 100;

#[derive(Default)]
struct Findings {
    told: Vec<Finding>,
    more: u64,
    /// Positions at which an entry itself is known to be wrong; of those that are told.
    exact: BTreeSet<u64>,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        if self.told.len() < MOST_FINDINGS { self.told.push(finding) } else { self.more += 1 }
    }

    /// Something about an entry.
    fn exactly(&mut self, finding: Finding) {
        if self.told.len() < MOST_FINDINGS {
            self.exact.extend(finding.position);
        }
        self.add(finding);
    }

    /// Something about a position and no event.
    fn at(&mut self, position: u64, what: impl Into<String>) {
        self.add(Finding::at(position, what));
    }

    /// Something about no position.
    fn general(&mut self, what: impl Into<String>) {
        self.add(Finding { position: None, stream: None, sequence: None, what: what.into() });
    }
}

/// Recomputes everything. `progress` is told how many entries are checked, of how many.
///
/// What is wrong with the data is in the report; an error says only that the database didn't answer.
pub async fn verify(pool: &PgPool, trust: &Trust, depth: Depth, progress: &(dyn Fn(u64, u64) + Sync)) -> sqlx::Result<Report> {
    let mut findings = Findings::default();
    let head = log::head(pool).await?;
    let mut tree = tree::TreeCheck::new(pool, trust).await?;
    let entries = entries::check(pool, head, depth, &mut tree, &mut findings, progress).await?;
    let tree = tree.finish(&mut findings).await?;
    entries::check_end(pool, &mut findings).await?;
    let queued = queue::check(pool, &mut findings).await?;
    let streams = match depth {
        Depth::Log => streams::Counts::default(),
        Depth::Full => streams::check(pool, &mut findings).await?,
    };
    findings.told.sort_by_key(|finding| finding.position.unwrap_or(u64::MAX));
    Ok(Report {
        depth,
        head: tree.head,
        logged_at: entries.logged_at,
        entries: entries.count,
        events: streams.events,
        streams: streams.streams,
        queued,
        tiles: tree.tiles,
        heads: tree.heads,
        findings: findings.told,
        more_findings: findings.more,
    })
}
