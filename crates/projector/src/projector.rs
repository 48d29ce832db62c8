//! How do projections keep up with one feed?
//!
//! Projections that are at about the same place share a [`Lane`]. One that lags far behind has a lane of its own and holds
//! nobody up. One that fails for good leaves its lane and stands still; if an event is the reason, it comes back when an
//! operator wants it to try again. One that another process has taken over is taken back when that process falls silent.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_cache::Cache;
use anamnesis_journal::log::Log;
use anamnesis_loops::{Loops, MORE_PATIENCE, Pulse};
use anamnesis_projections::kernel::Projection;
use anamnesis_stream::{Feed, FeedError, TopicPartition};
use anamnesis_vault::Vault;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::applied::Applied;
use crate::checkpoint::{self, Frontier, LOG};
use crate::error::ProjectorError;
use crate::lane::{Crew, FIRST_RETRY_AFTER, Lane, Member, described, pause};
use crate::progress::{Progress, Reporter, Status};
use crate::{parking, presence, schema};

/// So many streams may be parked, unless the settings say otherwise.
pub(crate) const MOST_PARKED: usize = 1_000;

/// How the projector works; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct ProjectorSettings {
    /// Events in one transaction at most.
    pub batch: u32,
    /// How long it waits for events before it looks whether it should stop.
    pub wait: Duration,
    /// Who is so many events behind the foremost keeps up by itself.
    pub straggler_events: u64,
    /// How often it says that it is there.
    pub beat: Duration,
    /// Who hasn't said so for so long is taken for dead.
    pub silence: Duration,
    /// A projection with more parked streams than that stands still: it isn't their events that are wrong.
    pub most_parked: usize,
}

impl Default for ProjectorSettings {
    fn default() -> Self {
        let (beat, silence) = (Duration::from_secs(3), Duration::from_secs(15));
        Self { batch: 500, wait: Duration::from_secs(5), straggler_events: 10_000, beat, silence, most_parked: MOST_PARKED }
    }
}

/// Runs projections.
pub struct Projector {
    works: Works,
    projections: Vec<&'static Projection>,
    reporter: Reporter,
    published: Option<Published>,
    pulse: Pulse,
}

/// What projectors work with.
#[derive(Clone)]
pub(crate) struct Works {
    pub(crate) pool: PgPool,
    pub(crate) vault: Vault,
    /// Where parked events are read again, wherever they came from.
    pub(crate) log: Log,
    pub(crate) settings: ProjectorSettings,
    pub(crate) cache: Option<Cache>,
    pub(crate) loops: Loops,
    pub(crate) applied: Applied,
}

/// A projection that has left its lane and may come back.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// Another process runs it.
    TakenOver(&'static Projection),
    /// There is an event that it can't take, and it doesn't go on without.
    AtPoison(&'static Projection),
}

/// Those that have left.
#[derive(Default)]
struct Away {
    standing_by: Vec<&'static Projection>,
    at_poison: Vec<&'static Projection>,
    /// Their tables aren't of this program's definition yet.
    unfit: Vec<&'static Projection>,
}

impl Away {
    fn take(&mut self, left: Left) {
        match left {
            Left::TakenOver(projection) => self.standing_by.push(projection),
            Left::AtPoison(projection) => self.at_poison.push(projection),
        }
    }
}

/// What a projector of one of Kafka's partitions is told.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) partition: TopicPartition,
    /// Up to where the log is in Kafka.
    pub(crate) up_to: watch::Receiver<u64>,
    /// So many partitions are worked on at a time.
    pub(crate) at_a_time: Arc<Semaphore>,
}

impl Projector {
    /// A projector over a pool of the role `anamnesis_projector` that follows the log; the tables are there
    /// ([`crate::ensure_schema`]).
    pub fn new(pool: PgPool, vault: Vault, projections: &[&'static Projection], settings: ProjectorSettings) -> Self {
        let log = Log::new(pool.clone());
        Self::of(Works { pool, vault, log, settings, cache: None, loops: Loops::default(), applied: Applied::default() }, projections, None)
    }

    pub(crate) fn of(works: Works, projections: &[&'static Projection], published: Option<Published>) -> Self {
        let partition = published.as_ref().map_or(LOG, |published| published.partition.number());
        Self { works, projections: projections.to_vec(), reporter: Reporter::new(projections, partition), published, pulse: Pulse::default() }
    }

    pub(crate) fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// It tells this cache what its batches touch. Without being told, a cache holds nothing of the read models.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.works.cache = Some(cache);
        self
    }

    /// How far its projections are.
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Keeps the projections up with the feed until `shutdown`. When none can go on, it stays and says so.
    ///
    /// It takes its projections over: a process that ran them before stands by.
    pub async fn run<F: Feed + Clone + Sync + 'static>(self, feed: F, shutdown: CancellationToken) {
        self.run_from(move || Ok(feed.clone()), shutdown).await;
    }

    pub(crate) async fn run_from<F, M>(self, make_feed: M, shutdown: CancellationToken)
    where
        F: Feed + 'static,
        M: Fn() -> Result<F, FeedError> + Clone + Send + Sync + 'static,
    {
        let (mut lanes, mut away) = (JoinSet::new(), Away::default());
        let Some(mut taken) = self.start(&self.projections, &mut away, &shutdown).await else { return self.pulse.ends() };
        let (left, mut leaving) = mpsc::unbounded_channel();
        let ProjectorSettings { beat, silence, .. } = self.works.settings;
        let (mut beats, mut looks) = (every(beat), every(silence / 3));
        let name = format!("lane of {}", self.followed());
        loop {
            self.pulse.beat();
            for members in grouped(std::mem::take(&mut taken), self.works.settings.straggler_events) {
                let crew = Crew::new(&self.works, members, self.reporter.clone(), self.published.clone(), left.clone());
                let (make_feed, shutdown) = (make_feed.clone(), shutdown.clone());
                self.works.loops.spawn_on(&mut lanes, name.clone(), MORE_PATIENCE, |pulse| Lane::new(make_feed, crew, pulse).run(shutdown));
            }
            while let Ok(left) = leaving.try_recv() {
                away.take(left);
            }
            // when none is left to go on, that is still to be told: of a process that ended nobody would know why
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(Err(died)) = lanes.join_next(), if !lanes.is_empty() => rethrow(died),
                Some(left) = leaving.recv() => away.take(left),
                _ = beats.tick() => {
                    self.beat().await;
                    taken = self.try_again(&mut away, &shutdown).await;
                }
                _ = looks.tick(), if !away.standing_by.is_empty() => taken = self.take_back(&mut away, &shutdown).await,
            }
        }
        self.pulse.while_waiting(lanes.join_all()).await;
        self.leave().await;
        self.pulse.ends();
    }

    /// What it follows, by its name.
    pub(crate) fn followed(&self) -> String {
        self.published.as_ref().map_or_else(|| "the log".to_owned(), |published| published.partition.to_string())
    }

    /// Says that it is there, and how it is. Who can't say so is taken for dead, which is right.
    async fn beat(&self) {
        if let Err(error) = presence::tell(&self.works.pool, self.reporter.partition(), &self.reporter.held()).await {
            warn!(%error, "the projectors can't say that they are there");
        }
    }

    /// Says that nobody need wait for its silence.
    async fn leave(&self) {
        self.beat().await;
        if let Err(error) = presence::leave(&self.works.pool, self.reporter.partition(), &self.reporter.held()).await {
            warn!(%error, "the projectors can't say that they leave");
        }
    }

    /// Takes those back whose other process has fallen silent.
    async fn take_back(&self, away: &mut Away, shutdown: &CancellationToken) -> Vec<Member> {
        let names: Vec<_> = away.standing_by.iter().map(|projection| projection.name).collect();
        let silent = presence::silent(&self.works.pool, self.reporter.partition(), &names, self.works.settings.silence).await.unwrap_or_default();
        if silent.is_empty() {
            return Vec::new();
        }
        info!("taking back what another process no longer runs: {}", silent.join(", "));
        let back = taken_out(&mut away.standing_by, &silent);
        self.start(&back, away, shutdown).await.unwrap_or_default()
    }

    /// Starts those again of which an operator wants it, and those whose tables are of this program's definition by now.
    async fn try_again(&self, away: &mut Away, shutdown: &CancellationToken) -> Vec<Member> {
        let names: Vec<_> = away.at_poison.iter().map(|projection| projection.name).collect();
        let asked = if names.is_empty() { Ok(Vec::new()) } else { parking::asked_to_go_on(&self.works.pool, &names).await };
        let mut back = taken_out(&mut away.at_poison, &asked.unwrap_or_default());
        // who can't look sees it later
        if let Ok((fit, unfit)) = self.divide_by_definition(&away.unfit).await {
            back.extend(fit);
            away.unfit = unfit;
        }
        if back.is_empty() { Vec::new() } else { self.start(&back, away, shutdown).await.unwrap_or_default() }
    }

    /// Takes the checkpoints over; tries until it can. `None`: there is no time left.
    async fn start(&self, projections: &[&'static Projection], away: &mut Away, shutdown: &CancellationToken) -> Option<Vec<Member>> {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() {
            self.pulse.beat();
            match self.take_over(projections).await {
                Ok((members, unfit)) => {
                    away.unfit.extend(unfit);
                    self.beat().await;
                    return Some(members);
                }
                Err(problem) => {
                    warn!(error = %problem, "the projections can't start: trying again in {} ms", retry_after.as_millis());
                    let waiting = Status::Waiting { error: described(&problem) };
                    for projection in projections {
                        self.reporter.status(projection.name, waiting.clone());
                    }
                }
            }
            pause(&mut retry_after, shutdown).await;
        }
        None
    }

    /// Those that it can run now, and those that it can't yet.
    async fn take_over(&self, projections: &[&'static Projection]) -> Result<(Vec<Member>, Vec<&'static Projection>), ProjectorError> {
        let (fit, mut unfit) = self.divide_by_definition(projections).await?;
        let members = self.members(&fit).await?;
        parking::ask_for_others(&self.works.pool, &members.iter().map(|member| member.projection.name).collect::<Vec<_>>()).await?;
        // new tables may have taken over while their checkpoints were waited for
        unfit.extend(fit.into_iter().filter(|projection| members.iter().all(|member| member.projection.name != projection.name)));
        for projection in &unfit {
            info!(projection = projection.name, "projection `{}` waits for tables of this version of the program", projection.name);
            self.reporter.status(projection.name, Status::Waiting { error: ProjectorError::OtherDefinition.to_string() });
        }
        Ok((members, unfit))
    }

    async fn divide_by_definition(&self, projections: &[&'static Projection]) -> sqlx::Result<(Vec<&'static Projection>, Vec<&'static Projection>)> {
        schema::divide_by_definition(&mut *self.works.pool.acquire().await?, projections).await
    }

    async fn members(&self, fit: &[&'static Projection]) -> Result<Vec<Member>, ProjectorError> {
        let pool = &self.works.pool;
        if self.reporter.partition() == LOG {
            let mut starts = checkpoint::follow_log(pool, fit).await?;
            let member = |projection: &'static Projection| {
                let checkpoint::Start { epoch, folded } = starts.remove(projection.name)?;
                Some(Member::new(projection, epoch, folded.base, folded))
            };
            return Ok(self.held(fit.iter().copied().filter_map(member).collect()));
        }
        let checkpoints = checkpoint::follow_partition(pool, fit, self.reporter.partition()).await?;
        let member = |projection: &'static Projection| {
            let checkpoint = checkpoints.get(projection.name)?;
            Some(Member::new(projection, checkpoint.epoch, checkpoint.position(), Frontier::default()))
        };
        Ok(self.held(fit.iter().copied().filter_map(member).collect()))
    }

    fn held(&self, members: Vec<Member>) -> Vec<Member> {
        for member in &members {
            self.reporter.hold(member.projection.name, member.epoch);
        }
        members
    }
}

/// Those of these names, which are away no more.
fn taken_out(away: &mut Vec<&'static Projection>, names: &[String]) -> Vec<&'static Projection> {
    away.extract_if(.., |projection| names.iter().any(|name| name == projection.name)).collect()
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn rethrow(died: JoinError) {
    if let Ok(panic) = died.try_into_panic() {
        resume_unwind(panic);
    }
}

/// The foremost together, each straggler alone.
fn grouped(members: Vec<Member>, straggler_events: u64) -> Vec<Vec<Member>> {
    let foremost = members.iter().map(|member| member.position).max().unwrap_or_default();
    let (together, alone): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| foremost - member.position <= straggler_events);
    alone.into_iter().map(|member| vec![member]).chain([together]).filter(|lane| !lane.is_empty()).collect()
}
