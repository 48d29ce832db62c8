//! How do projections that are at about the same place go on together?
//!
//! A lane reads a batch, opens it once, folds it into the rows of all its members and moves their checkpoints, in one
//! transaction. A member that fails for good leaves; the others try the batch again without it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Unopened, open};
use anamnesis_projections::kernel::Projection;
use anamnesis_stream::{Feed, FeedError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::batch::Touched;
use crate::cached::Keepers;
use crate::checkpoint::{Frontier, LOG};
use crate::error::ProjectorError;
use crate::progress::{Reporter, Status};
use crate::projector::{ProjectorSettings, Published, Works};
use crate::{batch, checkpoint};

/// Retries start with this pause and double it up to `LAST_RETRY_AFTER`.
pub(crate) const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const LAST_RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often a quiet partition's checkpoint is moved to where the log is published, at most.
const PASS_EVERY: Duration = Duration::from_millis(200);

/// A projection in a lane.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) projection: &'static Projection,
    pub(crate) epoch: i64,
    /// The last event that it took or passed.
    pub(crate) position: u64,
    /// Its checkpoint, which may be further: there is nothing between.
    reached: u64,
    /// What was folded in when it began: of the log's entries these may come again.
    folded: Frontier,
}

impl Member {
    pub(crate) fn new(projection: &'static Projection, epoch: i64, position: u64, folded: Frontier) -> Self {
        Self { projection, epoch, position, reached: position, folded }
    }
}

/// Projections that read together.
pub(crate) struct Lane<F, M> {
    make_feed: M,
    feed: Option<F>,
    crew: Crew,
    passed_at: Instant,
}

/// The projections of a lane, and what they work with.
pub(crate) struct Crew {
    works: Works,
    published: Option<Published>,
    reporter: Reporter,
    members: Vec<Member>,
    keepers: Keepers,
    /// Told of those that another process has taken over.
    relieved: UnboundedSender<&'static Projection>,
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

impl<F: Feed, M: Fn() -> Result<F, FeedError>> Lane<F, M> {
    pub(crate) fn new(make_feed: M, crew: Crew) -> Self {
        Self { make_feed, feed: None, crew, passed_at: Instant::now() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
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
        let ProjectorSettings { batch, wait, .. } = self.crew.works.settings;
        let feed = match &mut self.feed {
            Some(feed) => feed,
            none => none.insert((self.make_feed)()?),
        };
        let mut after = feed.after(from, batch, wait);
        let entries = loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                entries = &mut after => break entries?,
                // it goes on waiting: what it has found out by now it would have to find out again
                () = self.crew.more_is_published(self.passed_at + PASS_EVERY) => {
                    self.passed_at = Instant::now();
                    self.crew.pass_nothing().await?;
                }
            }
        };
        drop(after);
        if entries.is_empty() {
            self.crew.report().await;
            return Ok(());
        }
        if feed.partition() == LOG {
            assert_dense(from, entries.iter().map(|entry| entry.position))?;
        }
        let _turn = self.crew.turn().await?;
        let batch = open(entries, &self.crew.works.vault).await?;
        self.crew.apply(from, &batch).await
    }
}

impl Crew {
    pub(crate) fn new(
        works: &Works,
        members: Vec<Member>,
        reporter: Reporter,
        published: Option<Published>,
        relieved: UnboundedSender<&'static Projection>,
    ) -> Self {
        let keepers = Keepers::new(works.cache.as_ref(), members.iter().map(|member| member.projection.name), reporter.partition());
        Self { works: works.clone(), published, reporter, members, keepers, relieved }
    }

    /// Waits until it may work: so many partitions are worked on at a time.
    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, ProjectorError> {
        let Some(published) = &self.published else { return Ok(None) };
        Arc::clone(&published.at_a_time).acquire_owned().await.map(Some).map_err(|_| ProjectorError::Interrupted)
    }

    /// Waits until more is published than any member's checkpoint says. Where the log is followed, it never is.
    async fn more_is_published(&self, at_earliest: Instant) {
        let Some(published) = &self.published else { return pending().await };
        let reached = self.members.iter().map(|member| member.reached).min().unwrap_or(u64::MAX);
        sleep_until(at_earliest).await;
        // it never ends before the projectors do
        let _ = published.up_to.clone().wait_for(|up_to| *up_to > reached).await;
    }

    /// Moves the checkpoints over what isn't of this partition.
    async fn pass_nothing(&mut self) -> Result<(), ProjectorError> {
        let Some(published) = &self.published else { return Ok(()) };
        let held: Vec<_> = self.members.iter().map(|member| (member.projection.name, member.epoch)).collect();
        let moved = checkpoint::pass_nothing(&self.works.pool, &held, published.partition).await?;
        for member in &mut self.members {
            member.reached = moved.get(member.projection.name).copied().unwrap_or(member.reached).max(member.reached);
        }
        self.report().await;
        Ok(())
    }

    async fn report(&mut self) {
        for member in &self.members {
            self.keepers.moved(member.projection.name, &[], member.reached).await;
            self.reporter.running(member.projection.name, member.reached);
        }
    }

    /// A member goes no further: it stands still, or stands by while another process runs it.
    fn leaves(&mut self, name: &'static str, problem: &ProjectorError) {
        let (leaving, staying) = std::mem::take(&mut self.members).into_iter().partition(|member| member.projection.name == name);
        self.members = staying;
        for member in leaving {
            self.end(&member, problem);
        }
    }

    fn end(&self, member: &Member, problem: &ProjectorError) {
        let name = member.projection.name;
        if matches!(problem, ProjectorError::TakenOver) {
            info!(projection = name, "another process has taken projection `{name}` over");
            self.reporter.release(name);
            // nobody hears it when all projectors end
            let _ = self.relieved.send(member.projection);
        } else {
            stopped(&self.reporter, name, problem);
        }
    }

    fn all_wait(&self, problem: &ProjectorError) {
        for member in &self.members {
            self.reporter.status(member.projection.name, Status::Waiting { error: described(problem) });
        }
    }

    fn all_stop(&mut self, problem: &ProjectorError) {
        for member in std::mem::take(&mut self.members) {
            self.end(&member, problem);
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
                Attempt::Failed(MemberFailed { name, error }) => self.leaves(name, &error),
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
                self.leaves(name, &Box::new(poison).into());
            }
            for member in self.members.iter_mut().filter(|member| member.projection.name == name) {
                (member.position, member.reached) = (position, position);
            }
        }
    }

    /// One transaction: all members' rows and checkpoints, or nothing.
    async fn attempt(&self, from: u64, batch: &Batch) -> Result<Attempt, ProjectorError> {
        let names: Vec<_> = self.members.iter().map(|member| member.projection.name).collect();
        let mut tx = self.works.pool.begin().await?;
        let checkpoints = checkpoint::lock(&mut tx, &names, self.reporter.partition()).await?;
        let mut reached = Vec::with_capacity(self.members.len());
        for Member { projection, epoch, folded, .. } in &self.members {
            let name = projection.name;
            let Some(checkpoint) = checkpoints.get(name).filter(|checkpoint| checkpoint.epoch == *epoch) else {
                return Ok(Attempt::Failed(MemberFailed { name, error: ProjectorError::TakenOver }));
            };
            let share = Share::of(projection, checkpoint.position(), folded, from, batch);
            match batch::fold(&mut tx, &self.works.vault, projection, projection.schema.name(), &share.events).await {
                Ok(touched) => reached.push(Reached { name, position: share.reaches, poison: share.poison, touched }),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => return Ok(Attempt::Failed(MemberFailed { name, error })),
            }
        }
        let moved: Vec<_> = reached.iter().map(|reached| (reached.name, reached.position)).collect();
        checkpoint::advance(&mut tx, &moved, self.reporter.partition()).await?;
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
    fn of(projection: &Projection, checkpoint: u64, folded: &Frontier, from: u64, batch: &'a Batch) -> Self {
        let mut share = Self { events: Vec::new(), reaches: checkpoint, poison: None };
        if checkpoint < from {
            return share;
        }
        for entry in batch {
            match entry {
                Ok(event) if event.position <= checkpoint => {}
                Ok(event) => {
                    share.reaches = event.position;
                    if projection.takes(event.aggregate_type) && !folded.holds(event.position, event.aggregate_type, event.aggregate_id) {
                        share.events.push(event);
                    }
                }
                Err(unopened)
                    if unopened.position > checkpoint
                        && projection.takes(&unopened.aggregate_type)
                        && !folded.holds(unopened.position, &unopened.aggregate_type, unopened.aggregate_id) =>
                {
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

pub(crate) fn stopped(reporter: &Reporter, name: &'static str, problem: &ProjectorError) {
    error!(projection = name, error = %described(problem), "projection `{name}` stands still");
    reporter.status(name, Status::Stopped { error: described(problem) });
}

/// The error and what it came from, in one sentence.
pub(crate) fn described(problem: &ProjectorError) -> String {
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

pub(crate) async fn pause(retry_after: &mut Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = sleep(*retry_after) => {}
        () = shutdown.cancelled() => {}
    }
    *retry_after = (*retry_after * 2).min(LAST_RETRY_AFTER);
}
