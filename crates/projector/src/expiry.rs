//! Who notices that an insight's time has run out?
//!
//! A loop looks at the clock and at the read model, where an index leads to what is due, and asks the rules to end it. The
//! command's id is made of the insight, so however many processes notice, and however often, it ends once; what somebody has
//! decided on meanwhile the rules leave alone. Nothing depends on when this runs: the rules refuse what comes too late, and
//! whoever asks is told so by the clock.

use std::time::Duration;

use anamnesis_domain::insight::{Insight, InsightCommand};
use anamnesis_domain::{AccountId, Instant, Origin};
use anamnesis_journal::{Caller, CommandError, Journal};
use anamnesis_loops::Pulse;
use anamnesis_vault::Vault;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::ProjectorError;
use crate::lane::{FIRST_RETRY_AFTER, described, pause};

/// Insights that are looked up at once.
const AT_ONCE: usize = 200;

/// Ends insights whose time has run out. Any number of processes may.
#[derive(Clone)]
pub struct Expiry {
    /// Connects as `anamnesis_projector`.
    pub pool: PgPool,
    /// Where the commands go.
    pub journal: Journal,
    /// Makes the commands' ids.
    pub vault: Vault,
    /// How often it looks.
    pub every: Duration,
}

/// How long an insight may be over before it is noticed.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where it goes on among those that are due.
type Mark = (DateTime<Utc>, Uuid);

#[derive(sqlx::FromRow)]
struct Due {
    organization_id: Uuid,
    insight_id: Uuid,
    expires_at: DateTime<Utc>,
}

impl Expiry {
    /// Goes on until `shutdown`.
    pub async fn run(self, pulse: Pulse, shutdown: CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() {
            match self.look(Utc::now(), &pulse, &shutdown).await {
                Ok(ended) => {
                    retry_after = FIRST_RETRY_AFTER;
                    if ended > 0 {
                        info!(insights = ended, "{ended} insights have expired");
                    }
                    let _ = shutdown.run_until_cancelled(pulse.while_waiting(sleep(self.every))).await;
                }
                Err(problem) => {
                    warn!(error = %described(&problem), "no insight expires for the moment: looking again in {} ms", retry_after.as_millis());
                    pause(&mut retry_after, &shutdown).await;
                }
            }
        }
        pulse.ends();
    }

    /// Ends all that is due at that moment; how many. What can't be ended doesn't keep the others from it.
    async fn look(&self, now: DateTime<Utc>, pulse: &Pulse, shutdown: &CancellationToken) -> Result<usize, ProjectorError> {
        let (mut after, mut ended): (Mark, _) = ((DateTime::UNIX_EPOCH, Uuid::nil()), 0);
        loop {
            let due = self.due(now, after).await?;
            for one in &due {
                pulse.beat();
                if shutdown.is_cancelled() {
                    return Ok(ended);
                }
                ended += usize::from(self.end(one, now.into()).await?);
            }
            match due.last() {
                Some(last) if due.len() == AT_ONCE => after = (last.expires_at, last.insight_id),
                Some(_) | None => return Ok(ended),
            }
        }
    }

    async fn due(&self, now: DateTime<Utc>, (time, id): Mark) -> Result<Vec<Due>, ProjectorError> {
        let due = "select organization_id, insight_id, expires_at
            from read.health_insights
            where status in ('GENERATED', 'REVIEWED')
              and expires_at is not null
              and expires_at <= $1
              and (expires_at, insight_id) > ($2, $3)
            order by expires_at, insight_id
            limit $4";
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        Ok(sqlx::query_as(due).bind(now).bind(time).bind(id).bind(limit).fetch_all(&self.pool).await?)
    }

    /// Whether it ended now. The read model may not know yet that it ended before, or that somebody has decided.
    async fn end(&self, due: &Due, now: Instant) -> Result<bool, ProjectorError> {
        let Due { organization_id, insight_id, .. } = *due;
        let command_id = self.vault.index(organization_id).await?.command_id("expiry", "insight", &insight_id.to_string());
        let caller = Caller {
            organization_id,
            actor_id: AccountId::SYSTEM.0,
            command_id,
            correlation_id: command_id,
            causation_id: None,
            now,
            origin: Origin::default(),
            request: Vec::new(),
        };
        match self.journal.execute::<Insight>(insight_id, InsightCommand::Expire { now }, &caller, None).await {
            Ok(done) => Ok(!done.replayed && !done.events.is_empty()),
            // decided on meanwhile, or erased
            Err(CommandError::Refused(_) | CommandError::Erased | CommandError::NotFound) => Ok(false),
            Err(other) => {
                warn!(insight = %insight_id, error = %other, "this insight doesn't expire for the moment");
                Ok(false)
            }
        }
    }
}
