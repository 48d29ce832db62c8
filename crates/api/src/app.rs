//! What do the operations work with?

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_access::Access;
use anamnesis_cache::Cache;
use anamnesis_domain::Instant;
use anamnesis_journal::Journal;
use anamnesis_journal::follower::FollowerHandle;
use anamnesis_journal::log::Log;
use anamnesis_journal::sequencer::SequencerHandle;
use anamnesis_loops::Loops;
use anamnesis_projector::Progress;
use anamnesis_vault::Vault;
use chrono::Utc;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Streams, TrustedProxies};

/// How the edge behaves.
#[derive(Clone, Copy, Debug)]
pub struct ApiSettings {
    /// How large a body may be, in bytes.
    pub max_body_bytes: usize,
    /// How long one request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long a command's answer waits for its position, in milliseconds.
    pub position_wait_ms: u64,
    /// How long a query waits for the read model to reach `Anamnesis-After`, in milliseconds.
    pub after_wait_ms: u64,
    /// Whether the log is published to Kafka, so that it is told when it isn't.
    pub is_published: bool,
    /// How old the last canary that came through may be, in milliseconds; without it, none is expected.
    pub canary_age_ms: Option<u64>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            request_timeout_ms: 30_000,
            position_wait_ms: 100,
            after_wait_ms: 3_000,
            is_published: false,
            canary_age_ms: None,
        }
    }
}

/// What every operation gets. Each layer of the edge clones it for each request, so it is one pointer.
#[derive(Clone)]
pub(crate) struct App(Arc<AppParts>);

/// What the operations work with.
#[derive(Clone)]
pub struct AppParts {
    /// Where commands go.
    pub journal: Journal,
    /// Who may do what.
    pub access: Access,
    /// Opens what read models hold.
    pub vault: Vault,
    /// What was answered a moment ago.
    pub cache: Cache,
    /// Connects as `anamnesis_reader`: row-level security holds.
    pub reader: PgPool,
    /// The total order, for positions and proofs.
    pub log: Log,
    /// How the sequencer is, and the way to wake it.
    pub sequencing: SequencerHandle,
    /// How the tree is, and its signed heads.
    pub following: FollowerHandle,
    /// How far the read models are.
    pub projecting: Progress,
    /// The streams that are open.
    pub streams: Streams,
    /// What goes on in this process.
    pub loops: Loops,
    /// Who is believed about where requests come from.
    pub proxies: TrustedProxies,
    /// How the edge behaves.
    pub settings: ApiSettings,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The edge's clock: the one place where a request's time comes from.
    #[expect(clippy::unused_self, reason = "the clock belongs to the application")]
    pub(crate) fn now(&self) -> Instant {
        Utc::now().into()
    }

    /// The event's place in the log, if the sequencer gives it one within a short wait.
    pub(crate) async fn position_soon(&self, aggregate_type: &str, aggregate_id: Uuid, sequence: u64) -> Option<u64> {
        self.sequencing.wake();
        let wait = Duration::from_millis(self.settings.position_wait_ms);
        // a command is done whether or not its position is known
        self.log.position_soon(aggregate_type, aggregate_id, sequence, wait).await.ok().flatten()
    }
}
