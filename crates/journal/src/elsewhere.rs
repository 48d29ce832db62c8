//! How are the sequencer and the tree, when other processes run them?

use std::sync::Arc;
use std::time::{Duration, Instant};

use anamnesis_loops::Pulse;
use sqlx::PgPool;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::follower::{FollowerHandle, FollowerHealth};
use crate::sequencer::{SequencerHandle, SequencerHealth};
use crate::tree::{SignedCheckpoint, VerifyingKey};

/// How often it looks while somebody waits for a signed head, and while nobody does.
const LOOK_WHILE_WAITED_FOR: Duration = Duration::from_millis(50);
const LOOK_AT_REST: Duration = Duration::from_secs(1);
/// A position that is unsigned for so long tells that nobody signs.
const MOST_UNSIGNED: &str = "15 seconds";

/// Watches the sequencer and the tree through the database.
#[derive(Debug)]
pub struct Elsewhere {
    pool: PgPool,
    key: VerifyingKey,
    sequencing: watch::Sender<SequencerHealth>,
    following: watch::Sender<FollowerHealth>,
    wanted: watch::Sender<u64>,
    pulse: Pulse,
}

#[derive(sqlx::FromRow)]
struct Seen {
    is_led: bool,
    note: Option<String>,
    is_overdue: bool,
}

impl Elsewhere {
    /// Watches the database that `pool` leads to, whose heads are signed by that key.
    pub fn new(pool: PgPool, key: VerifyingKey) -> Self {
        let (sequencing, following, wanted) = (watch::Sender::default(), watch::Sender::default(), watch::Sender::default());
        Self { pool, key, sequencing, following, wanted, pulse: Pulse::default() }
    }

    /// It beats this pulse as it looks.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// How the sequencer is. It can't be woken from here, and looks for itself every few milliseconds.
    pub fn sequencing(&self) -> SequencerHandle {
        SequencerHandle::new(Arc::new(Notify::new()), self.sequencing.subscribe())
    }

    /// How the tree is, and its signed heads.
    pub fn following(&self) -> FollowerHandle {
        FollowerHandle::new(self.wanted.clone(), self.following.subscribe())
    }

    /// Watches until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut wanted = self.wanted.subscribe();
        while !shutdown.is_cancelled() {
            match self.look().await {
                Ok(seen) => self.tell(&seen),
                Err(error) => {
                    debug!(%error, "how the sequencer and the tree are can't be seen");
                    self.sequencing.send_modify(SequencerHealth::failed);
                    self.following.send_modify(|health| health.failures = health.failures.saturating_add(1));
                }
            }
            self.pulse.beat();
            let is_waited_for = *wanted.borrow_and_update() > self.following.borrow().signed_size();
            tokio::select! {
                () = sleep(if is_waited_for { LOOK_WHILE_WAITED_FOR } else { LOOK_AT_REST }) => {}
                _ = wanted.changed() => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn look(&self) -> sqlx::Result<Seen> {
        sqlx::query_as(
            "select head.expires_at > clock_timestamp() as is_led,
                    signed.note,
                    exists (
                        select from journal.log
                        where log.position = coalesce(signed.size, 0) + 1
                          and log.logged_at < clock_timestamp() - $1::interval) as is_overdue
             from journal.head
             left join lateral (select size, note from journal.tree_heads order by size desc limit 1) as signed on true",
        )
        .bind(MOST_UNSIGNED)
        .fetch_one(&self.pool)
        .await
    }

    fn tell(&self, seen: &Seen) {
        if seen.is_led {
            self.sequencing.send_modify(SequencerHealth::stood_by);
        }
        let signed = seen.note.as_deref().map(|note| SignedCheckpoint::open(note, &self.key)).transpose();
        self.following.send_modify(|health| match signed {
            Ok(_) if seen.is_overdue => health.problem = Some("nobody signs the log's heads".to_owned()),
            Ok(signed) => {
                health.size = signed.as_ref().map_or(0, |signed| signed.head().size);
                health.signed = signed;
                health.problem = None;
                (health.last_success, health.failures) = (Some(Instant::now()), 0);
            }
            Err(error) => health.problem = Some(error.to_string()),
        });
    }
}
