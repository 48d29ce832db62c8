//! How do projections keep up with the log?
//!
//! Projections that are at about the same place share a lane: a lane reads a batch, opens it once, folds it into the
//! rows of all its members and moves their checkpoints, in one transaction. One that lags far behind has a lane of its
//! own and holds nobody up. A projection that fails for good leaves its lane; the others try the batch again without it.

use std::time::Duration;

use anamnesis_cache::Cache;
use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Unopened, open};
use anamnesis_projections::kernel::Projection;
use anamnesis_stream::Feed;
use anamnesis_vault::Vault;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::batch::Touched;
use crate::cached::Keepers;
use crate::error::ProjectorError;
use crate::progress::{Progress, Reporter, Status};
use crate::{batch, checkpoint, schema};

/// How the projector works; the default is right for most.
#[derive(Clone, Copy, Debug)]
pub struct ProjectorSettings {
    /// Events in one transaction at most.
    pub batch: u32,
    /// How long it waits for events before it looks whether it should stop.
    pub wait: Duration,
    /// Who is so many events behind the foremost keeps up by itself.
    pub straggler_events: u64,
}

impl Default for ProjectorSettings {
    fn default() -> Self {
        Self { batch: 500, wait: Duration::from_secs(5), straggler_events: 10_000 }
    }
}

/// Retries start with this pause and double it up to `LAST_RETRY_AFTER`.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const LAST_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Runs projections.
pub struct Projector {
    pool: PgPool,
    vault: Vault,
    projections: Vec<&'static Projection>,
    settings: ProjectorSettings,
    reporter: Reporter,
    cache: Option<Cache>,
}

impl Projector {
    /// A projector over a pool of the role `anamnesis_projector`; the tables are there ([`crate::ensure_schema`]).
    pub fn new(pool: PgPool, vault: Vault, projections: &[&'static Projection], settings: ProjectorSettings) -> Self {
        let reporter = Reporter::new(projections.iter().map(|projection| projection.name));
        Self { pool, vault, projections: projections.to_vec(), settings, reporter, cache: None }
    }

    /// It tells this cache what its batches touch. Without being told, a cache holds nothing of the read models.
    #[must_use]
    pub fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// How far its projections are.
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Keeps the projections up with the feed until `shutdown`, or until none can go on.
    ///
    /// It takes its projections over: a process that ran them before stops.
    pub async fn run<F: Feed + Clone + 'static>(self, feed: F, shutdown: CancellationToken) {
        let Some(members) = self.start(feed.partition(), &shutdown).await else { return };
        let mut lanes = JoinSet::new();
        for members in grouped(members, self.settings.straggler_events) {
            let (pool, vault, reporter) = (self.pool.clone(), self.vault.clone(), self.reporter.clone());
            let keepers = Keepers::new(self.cache.as_ref(), members.iter().map(|member| member.projection.name), feed.partition());
            let crew = Crew { pool, vault, partition: feed.partition(), reporter, members, keepers };
            lanes.spawn(Lane { feed: feed.clone(), settings: self.settings, crew }.run(shutdown.clone()));
        }
        lanes.join_all().await;
    }

    /// Takes the checkpoints over; tries until it can. `None`: there is no time left.
    async fn start(&self, partition: u32, shutdown: &CancellationToken) -> Option<Vec<Member>> {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() {
            match self.take_over(partition).await {
                Ok(members) => return Some(members),
                Err(problem) => {
                    warn!(error = %problem, "the projections can't start: trying again in {} ms", retry_after.as_millis());
                    let waiting = Status::Waiting { error: described(&problem) };
                    self.projections.iter().for_each(|projection| self.reporter.status(projection.name, waiting.clone()));
                }
            }
            pause(&mut retry_after, shutdown).await;
        }
        None
    }

    async fn take_over(&self, partition: u32) -> Result<Vec<Member>, ProjectorError> {
        let (fit, others) = schema::divide_by_definition(&self.pool, &self.projections).await?;
        for projection in others {
            stopped(&self.reporter, projection.name, &ProjectorError::OtherDefinition);
        }
        let names: Vec<_> = fit.iter().map(|projection| projection.name).collect();
        let checkpoints = checkpoint::take_over(&self.pool, &names, partition).await?;
        let member = |projection: &'static Projection| {
            let checkpoint = checkpoints.get(projection.name)?;
            Some(Member { projection, epoch: checkpoint.epoch, position: checkpoint.position() })
        };
        Ok(fit.into_iter().filter_map(member).collect())
    }
}

/// A projection in a lane.
#[derive(Clone, Copy)]
struct Member {
    projection: &'static Projection,
    epoch: i64,
    position: u64,
}

/// The foremost together, each straggler alone.
fn grouped(members: Vec<Member>, straggler_events: u64) -> Vec<Vec<Member>> {
    let foremost = members.iter().map(|member| member.position).max().unwrap_or_default();
    let (together, alone): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| foremost - member.position <= straggler_events);
    alone.into_iter().map(|member| vec![member]).chain([together]).filter(|lane| !lane.is_empty()).collect()
}

/// Projections that read together.
struct Lane<F> {
    feed: F,
    settings: ProjectorSettings,
    crew: Crew,
}

/// The projections of a lane, and what they work with.
struct Crew {
    pool: PgPool,
    vault: Vault,
    partition: u32,
    reporter: Reporter,
    members: Vec<Member>,
    keepers: Keepers,
}

/// A batch, opened; what couldn't be opened stands in its place with the reason.
type Batch = Vec<Result<Recorded, Unopened>>;

/// One member failed; the others needn't.
struct MemberFailed {
    name: &'static str,
    error: ProjectorError,
}

enum Attempt {
    Done(Vec<Reached>),
    Failed(MemberFailed),
}

/// Where a member is now, and what stops it there.
struct Reached {
    name: &'static str,
    position: u64,
    poison: Option<Unopened>,
    touched: Vec<Touched>,
}

impl<F: Feed> Lane<F> {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() && !self.crew.members.is_empty() {
            match self.step(&shutdown).await {
                Ok(()) => retry_after = FIRST_RETRY_AFTER,
                Err(problem) if problem.is_passing() => {
                    warn!(error = %described(&problem), "the projections wait: trying again in {} ms", retry_after.as_millis());
                    self.crew.all_wait(&problem);
                    pause(&mut retry_after, &shutdown).await;
                }
                Err(problem) => self.crew.all_stop(&problem),
            }
        }
    }

    /// Reads one batch and does what it says; only waits when there is none.
    async fn step(&mut self, shutdown: &CancellationToken) -> Result<(), ProjectorError> {
        let from = self.crew.members.iter().map(|member| member.position).min().unwrap_or_default();
        let entries = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            entries = self.feed.after(from, self.settings.batch, self.settings.wait) => entries?,
        };
        if entries.is_empty() {
            self.crew.report().await;
            return Ok(());
        }
        if self.crew.partition == 0 {
            assert_dense(from, entries.iter().map(|entry| entry.position))?;
        }
        let batch = open(entries, &self.crew.vault).await?;
        self.crew.apply(from, &batch).await
    }
}

impl Crew {
    async fn report(&mut self) {
        for member in &self.members {
            self.keepers.moved(member.projection.name, &[], member.position).await;
            self.reporter.running(member.projection.name, member.position);
        }
    }

    fn all_wait(&self, problem: &ProjectorError) {
        for member in &self.members {
            self.reporter.status(member.projection.name, Status::Waiting { error: described(problem) });
        }
    }

    fn all_stop(&mut self, problem: &ProjectorError) {
        for member in std::mem::take(&mut self.members) {
            stopped(&self.reporter, member.projection.name, problem);
        }
    }

    /// Folds a batch into the rows of every member that can go on.
    async fn apply(&mut self, from: u64, batch: &Batch) -> Result<(), ProjectorError> {
        while !self.members.is_empty() {
            let attempt = self.attempt(from, batch).await;
            // a commit that failed may have happened: the next attempt would find its events folded in, and nothing touched
            match attempt.inspect_err(|_| self.keepers.doubt())? {
                Attempt::Done(reached) => {
                    self.moved_to(reached).await;
                    return Ok(());
                }
                Attempt::Failed(MemberFailed { name, error }) => {
                    stopped(&self.reporter, name, &error);
                    self.members.retain(|member| member.projection.name != name);
                }
            }
        }
        Ok(())
    }

    async fn moved_to(&mut self, reached: Vec<Reached>) {
        for Reached { name, position, poison, touched } in reached {
            // before anybody is told of the position: who asks for it then finds nothing older in the cache
            self.keepers.moved(name, &touched, position).await;
            self.reporter.running(name, position);
            if let Some(poison) = poison {
                stopped(&self.reporter, name, &Box::new(poison).into());
                self.members.retain(|member| member.projection.name != name);
            }
            for member in self.members.iter_mut().filter(|member| member.projection.name == name) {
                member.position = position;
            }
        }
    }

    /// One transaction: all members' rows and checkpoints, or nothing.
    async fn attempt(&self, from: u64, batch: &Batch) -> Result<Attempt, ProjectorError> {
        let names: Vec<_> = self.members.iter().map(|member| member.projection.name).collect();
        let mut tx = self.pool.begin().await?;
        let checkpoints = checkpoint::lock(&mut tx, &names, self.partition).await?;
        let mut reached = Vec::with_capacity(self.members.len());
        for Member { projection, epoch, .. } in &self.members {
            let name = projection.name;
            let Some(checkpoint) = checkpoints.get(name).filter(|checkpoint| checkpoint.epoch == *epoch) else {
                return Ok(Attempt::Failed(MemberFailed { name, error: ProjectorError::TakenOver }));
            };
            let share = Share::of(projection, checkpoint.position(), from, batch);
            match batch::fold(&mut tx, &self.vault, projection, projection.schema.name(), &share.events).await {
                Ok(touched) => reached.push(Reached { name, position: share.reaches, poison: share.poison, touched }),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => return Ok(Attempt::Failed(MemberFailed { name, error })),
            }
        }
        let moved: Vec<_> = reached.iter().map(|reached| (reached.name, reached.position)).collect();
        checkpoint::advance(&mut tx, &moved, self.partition).await?;
        tx.commit().await?;
        Ok(Attempt::Done(reached))
    }
}

/// What one projection takes of a batch.
struct Share<'a> {
    /// What it hasn't seen and can fold.
    events: Vec<&'a Recorded>,
    /// Where its checkpoint is afterwards.
    reaches: u64,
    /// What it can't get past.
    poison: Option<Unopened>,
}

impl<'a> Share<'a> {
    /// Drops what the checkpoint says was seen; ends before an event that concerns it and couldn't be opened. If the
    /// checkpoint was set back, so that the batch begins too late for it, it takes nothing and stays: the next batch
    /// is read from there.
    fn of(projection: &Projection, checkpoint: u64, from: u64, batch: &'a Batch) -> Self {
        let mut share = Self { events: Vec::new(), reaches: checkpoint, poison: None };
        if checkpoint < from {
            return share;
        }
        for entry in batch {
            match entry {
                Ok(event) if event.position <= checkpoint => {}
                Ok(event) => {
                    share.reaches = event.position;
                    if projection.takes(event.aggregate_type) {
                        share.events.push(event);
                    }
                }
                Err(unopened) if unopened.position > checkpoint && projection.takes(&unopened.aggregate_type) => {
                    share.poison = Some(unopened.clone());
                    break;
                }
                Err(unopened) => share.reaches = share.reaches.max(unopened.position),
            }
        }
        share
    }
}

/// Law 4: nothing may be missing between a checkpoint and what comes after it.
fn assert_dense(from: u64, positions: impl Iterator<Item = u64>) -> Result<(), ProjectorError> {
    for (expected, found) in (from + 1..).zip(positions) {
        if expected != found {
            return Err(ProjectorError::Gap { expected, found });
        }
    }
    Ok(())
}

fn stopped(reporter: &Reporter, name: &'static str, problem: &ProjectorError) {
    error!(projection = name, error = %described(problem), "projection `{name}` stands still");
    reporter.status(name, Status::Stopped { error: described(problem) });
}

/// The error and what it came from, in one sentence.
fn described(problem: &ProjectorError) -> String {
    let mut text = problem.to_string();
    let mut source = std::error::Error::source(problem);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // some errors repeat what they come from
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

async fn pause(retry_after: &mut Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = sleep(*retry_after) => {}
        () = shutdown.cancelled() => {}
    }
    *retry_after = (*retry_after * 2).min(LAST_RETRY_AFTER);
}
