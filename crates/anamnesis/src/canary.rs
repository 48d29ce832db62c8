//! How long is an event on its way, from the journal through everything to the read models?
//!
//! The process that leads the log writes one now and then, in a stream of its own, and looks how far it has come. Whether the
//! last one came through in time, every process sees in the log: `anamnesis_api`'s readiness.

use std::time::Duration;

use anamnesis_domain::system::{CANARY, CanaryBeat, System, SystemCommand};
use anamnesis_domain::{AccountId, Aggregate as _};
use anamnesis_journal::sequencer::{SequencerHandle, SequencerState};
use anamnesis_loops::Pulse;
use anyhow::Context;
use sqlx::PgPool;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::installation::Installation;
use crate::metrics::CanaryLatency;
use crate::tenant::host_caller;

/// How often it looks whether this process leads.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it looks how far the event is.
const FOLLOW_EVERY: Duration = Duration::from_millis(20);

/// Writes a sign of life now and then, and follows it.
pub(crate) struct Canary {
    pub(crate) installation: Installation,
    pub(crate) sequencing: SequencerHandle,
    pub(crate) every: Duration,
    /// How long one may be on its way before it is given up.
    pub(crate) within: Duration,
    pub(crate) is_published: bool,
    pub(crate) latency: CanaryLatency,
}

/// How far everything is.
#[derive(sqlx::FromRow)]
struct Reached {
    published: i64,
    visible: i64,
}

impl Canary {
    /// Goes on until `shutdown`.
    pub(crate) async fn run(self, pulse: Pulse, shutdown: CancellationToken) {
        let (mut next, mut organization) = (Instant::now(), None);
        while !shutdown.is_cancelled() {
            pulse.beat();
            if Instant::now() >= next && self.leads() {
                next = Instant::now() + self.every;
                tokio::select! {
                    told = timeout(self.within, self.beat(&mut organization)) => warn_of(told),
                    // what it waits for is stopping too
                    () = shutdown.cancelled() => {}
                }
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    fn leads(&self) -> bool {
        matches!(self.sequencing.health().state, SequencerState::Leading { .. })
    }

    /// Writes one and waits until every read model is as far.
    async fn beat(&self, organization: &mut Option<Uuid>) -> anyhow::Result<()> {
        let Installation { journal, log, .. } = &self.installation;
        if organization.is_none() {
            *organization = self.organization().await?;
        }
        // before there is any, there is none that it could belong to
        let Some(organization) = *organization else { return Ok(()) };
        let caller = host_caller(organization, AccountId::SYSTEM, Uuid::now_v7());
        let before = journal.load::<System>(organization, CANARY).await.context("read the stream")?.map_or(0, |(_, sequence)| sequence);
        let begun = Instant::now();
        let beat = CanaryBeat { beat_at: caller.now, number: before + 1 };
        let written = journal.execute::<System>(CANARY, SystemCommand::Tell(beat.into()), &caller, None).await.context("write it")?;
        self.sequencing.wake();
        let position = log.position_within(System::TYPE, CANARY, written.sequence, self.within).await.context("look for its position")?;
        let position = position.context("it got no position")?;
        self.latency.logged(begun.elapsed());
        self.follow(position, begun).await
    }

    async fn follow(&self, position: u64, begun: Instant) -> anyhow::Result<()> {
        let mut is_in_kafka = !self.is_published;
        loop {
            let Reached { published, visible } = reached(&self.installation.reader).await.context("look how far it is")?;
            if !is_in_kafka && published.cast_unsigned() >= position {
                is_in_kafka = true;
                self.latency.published(begun.elapsed());
            }
            if visible.cast_unsigned() >= position {
                self.latency.visible(begun.elapsed());
                return Ok(());
            }
            sleep(FOLLOW_EVERY).await;
        }
    }

    /// Whose the stream is; if it isn't there yet, whose it is to be.
    async fn organization(&self) -> anyhow::Result<Option<Uuid>> {
        let sql = "select organization_id
                   from journal.events
                   where (aggregate_type = $1 and aggregate_id = $2 or aggregate_type = 'organization')
                     and sequence = 1
                   order by aggregate_type = $1 desc, arrival
                   limit 1";
        let found = sqlx::query_scalar(sql).bind(System::TYPE).bind(CANARY).fetch_optional(&self.installation.writer).await;
        found.context("look for an organization")
    }
}

fn warn_of(told: Result<anyhow::Result<()>, Elapsed>) {
    if let Err(error) = told.unwrap_or_else(|_| Err(anyhow::anyhow!("it takes too long"))) {
        warn!("a sign of life doesn't come through: {error:#}");
    }
}

async fn reached(pool: &PgPool) -> sqlx::Result<Reached> {
    sqlx::query_as(
        "select (select position from journal.publisher) as published,
                (select coalesce(min(coalesce(position, 0)), 0) from unnest($1) as name left join journal.reached on consumer = name) as visible",
    )
    .bind(anamnesis_projections::names())
    .fetch_one(pool)
    .await
}
