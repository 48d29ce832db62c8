//! How do projections that are at about the same place go on together?
//!
//! A lane reads a batch, opens it once, folds it into the rows of all its members and moves their checkpoints, in one
//! transaction. An event that one of them can't take parks its stream, or stops the member where that is forbidden; it is
//! found by folding one after another. A member that fails for good leaves; the others try the batch again without it.

mod retry;
mod share;

use std::collections::BTreeSet;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anamnesis_domain::Recorded;
use anamnesis_journal::log::{Unopened, open};
use anamnesis_journal::transaction;
use anamnesis_loops::Pulse;
use anamnesis_projections::kernel::{AtPoison, Projection};
use anamnesis_stream::{Feed, FeedError};
use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::batch::Touched;
use crate::cached::Keepers;
use crate::checkpoint::{Checkpoint, Frontier, LOG};
use crate::error::{Fault, ProjectorError};
use crate::lane::share::Share;
use crate::parking::Parking;
use crate::progress::{Reporter, Status};
use crate::projector::{Left, ProjectorSettings, Published, Works};
use crate::{batch, checkpoint};

/// Retries start with this pause and double it up to `LAST_RETRY_AFTER`.
pub(crate) const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const LAST_RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often a quiet partition's checkpoint is moved to where the log is published, at most.
const PASS_EVERY: Duration = Duration::from_millis(200);
/// How often it looks whether somebody wants a parked stream to be tried again, while there is one and while there is none
/// (that it knows of: a rebuild may have parked one).
const LOOK_WHILE_PARKED: Duration = Duration::from_secs(1);
const LOOK_AT_REST: Duration = Duration::from_secs(10);

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
    /// What it has parked.
    parking: Parking,
}

impl Member {
    pub(crate) fn new(projection: &'static Projection, epoch: i64, position: u64, folded: Frontier) -> Self {
        Self { projection, epoch, position, reached: position, folded, parking: Parking::default() }
    }

    fn parks(&self) -> bool {
        self.projection.at_poison() == AtPoison::ParksTheStream
    }
}

/// Projections that read together.
pub(crate) struct Lane<F, M> {
    make_feed: M,
    feed: Option<F>,
    crew: Crew,
    pulse: Pulse,
    passed_at: Instant,
    /// When it looks whether anything parked is to be tried again.
    look_at: Instant,
}

/// The projections of a lane, and what they work with.
pub(crate) struct Crew {
    works: Works,
    published: Option<Published>,
    reporter: Reporter,
    members: Vec<Member>,
    keepers: Keepers,
    /// Told of those that may come back.
    left: UnboundedSender<Left>,
}

/// A batch, opened; what couldn't be opened stands in its place with the reason.
type Batch = Vec<Result<Recorded, Unopened>>;

enum Attempt {
    Done(Vec<Reached>),
    /// A member can't take an event: which, it finds by folding one after another.
    Poisoned(&'static str),
    /// One member failed; the others needn't.
    Failed(&'static str, ProjectorError),
}

/// Where a member is now, and what stops it there.
struct Reached {
    name: &'static str,
    position: u64,
    parking: Parking,
    stuck: Option<ProjectorError>,
    touched: Vec<Touched>,
    /// How many events it took.
    taken: u64,
    /// Others have put other rows there since the last batch.
    has_other_rows: bool,
}

impl<F: Feed, M: Fn() -> Result<F, FeedError>> Lane<F, M> {
    pub(crate) fn new(make_feed: M, crew: Crew, pulse: Pulse) -> Self {
        Self { make_feed, feed: None, crew, pulse, passed_at: Instant::now(), look_at: Instant::now() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut retry_after = FIRST_RETRY_AFTER;
        while !shutdown.is_cancelled() && !self.crew.members.is_empty() {
            self.pulse.beat();
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
        // it was told to, or nobody is left in it
        self.pulse.ends();
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
        let mut came = None;
        let mut entries = loop {
            if let Some(entries) = came.take() {
                break entries?;
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                entries = &mut after => break entries?,
                // it goes on waiting: what it has found out by now it would have to find out again
                () = self.crew.more_is_published(self.passed_at + PASS_EVERY) => {
                    self.passed_at = Instant::now();
                    beside(self.crew.pass_nothing(), &mut after, &mut came).await?;
                }
                () = sleep_until(self.look_at) => {
                    beside(self.crew.try_parked_again(), &mut after, &mut came).await?;
                    self.look_at = Instant::now() + self.crew.look_again_after();
                }
            }
        };
        drop(after);
        let Some(last) = entries.last().map(|last| last.position) else {
            self.crew.report().await;
            return Ok(());
        };
        if feed.partition() == LOG {
            assert_dense(from, entries.iter().map(|entry| entry.position))?;
        }
        let turn = self.crew.turn().await?;
        if turn.is_some() {
            // what came while others had theirs needn't wait for the next
            let room = batch.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            entries.extend(feed.after(last, room, Duration::ZERO).await?);
        }
        let batch = open(entries, &self.crew.works.vault).await?;
        self.crew.apply(from, &batch).await
    }
}

impl Crew {
    pub(crate) fn new(works: &Works, members: Vec<Member>, reporter: Reporter, published: Option<Published>, left: UnboundedSender<Left>) -> Self {
        let keepers = Keepers::new(works.cache.as_ref(), members.iter().map(|member| member.projection), reporter.partition());
        Self { works: works.clone(), published, reporter, members, keepers, left }
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
            self.reporter.running(member.projection.name, member.reached, member.parking.count());
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
            let _ = self.left.send(Left::TakenOver(member.projection));
        } else {
            stopped(&self.reporter, name, problem);
            if let Fault::OfEvent(_) = problem.fault() {
                let _ = self.left.send(Left::AtPoison(member.projection));
            }
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
        let mut poisoned = BTreeSet::new();
        while !self.members.is_empty() {
            let attempt = self.attempt(from, batch, &poisoned).await;
            // a commit that failed may have happened: the next attempt would find its events folded in, and nothing touched
            match attempt.inspect_err(|_| self.keepers.doubt())? {
                Attempt::Done(reached) => {
                    self.moved_to(reached).await;
                    return Ok(());
                }
                Attempt::Poisoned(name) => drop(poisoned.insert(name)),
                Attempt::Failed(name, error) => self.leaves(name, &error),
            }
        }
        Ok(())
    }

    async fn moved_to(&mut self, reached: Vec<Reached>) {
        for Reached { name, position, parking, stuck, touched, taken, has_other_rows } in reached {
            if has_other_rows {
                self.keepers.doubt();
            }
            // before anybody is told of the position: who asks for it then finds nothing older in the cache
            self.keepers.moved(name, &touched, position).await;
            self.reporter.running(name, position, parking.count());
            if taken > 0 {
                self.works.applied.add(name, taken);
            }
            if let Some(member) = self.members.iter_mut().find(|member| member.projection.name == name) {
                (member.position, member.reached, member.parking) = (position, position, parking);
            }
            if let Some(problem) = stuck {
                self.leaves(name, &problem);
            }
        }
    }

    /// One transaction: all members' rows, checkpoints and what they park, or nothing.
    async fn attempt(&self, from: u64, batch: &Batch, poisoned: &BTreeSet<&'static str>) -> Result<Attempt, ProjectorError> {
        let names: Vec<_> = self.members.iter().map(|member| member.projection.name).collect();
        let partition = self.reporter.partition();
        let mut tx = transaction::begin(&self.works.pool).await?;
        let checkpoints = checkpoint::lock(&mut tx, &names, partition).await?;
        let mut reached = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let name = member.projection.name;
            let is_poisoned = poisoned.contains(name);
            match self.take(&mut tx, member, checkpoints.get(name), (from, batch), is_poisoned).await {
                Ok(taken) => reached.push(taken),
                Err(error) => {
                    return match error.fault() {
                        Fault::Passing => Err(error),
                        Fault::OfEvent(_) if !is_poisoned => Ok(Attempt::Poisoned(name)),
                        Fault::OfEvent(_) | Fault::OfProjection => Ok(Attempt::Failed(name, error)),
                    };
                }
            }
        }
        let moved: Vec<_> = reached.iter().map(|reached| (reached.name, reached.position)).collect();
        checkpoint::advance(&mut tx, &moved, partition).await?;
        tx.commit().await?;
        Ok(Attempt::Done(reached))
    }

    /// Folds a member's share of a batch that was read from a position on, and writes down what it parks.
    async fn take(
        &self,
        tx: &mut PgConnection,
        member: &Member,
        checkpoint: Option<&Checkpoint>,
        (from, batch): (u64, &Batch),
        is_poisoned: bool,
    ) -> Result<Reached, ProjectorError> {
        let name = member.projection.name;
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.epoch == member.epoch).ok_or(ProjectorError::TakenOver)?;
        let has_other_rows = member.parking.is_outdated(checkpoint.parking);
        let parking = member.parking.as_of(tx, name, checkpoint.parking).await?;
        let mut share = Share::of(member, checkpoint.position(), from, batch, parking);
        let taken = share.events.len() as u64;
        let touched = if is_poisoned {
            self.fold_one_by_one(tx, member, &mut share).await?
        } else {
            batch::fold(tx, &self.works.vault, member.projection, member.projection.schema.name(), &share.events).await?
        };
        let Share { reaches, mut parking, stuck, .. } = share;
        if parking.count() > self.works.settings.most_parked {
            return Err(ProjectorError::TooManyParked { parked: parking.count() });
        }
        if !member.parks() {
            parking.passed(reaches);
        }
        parking.store(tx, name, self.reporter.partition(), !member.parks()).await?;
        Ok(Reached { name, position: reaches, parking, stuck, touched, taken, has_other_rows })
    }

    /// Folds a share in which there is poison.
    async fn fold_one_by_one(&self, tx: &mut PgConnection, member: &Member, share: &mut Share<'_>) -> Result<Vec<Touched>, ProjectorError> {
        let (projection, events) = (member.projection, std::mem::take(&mut share.events));
        let (touched, stuck) =
            batch::fold_around_poison(tx, &self.works.vault, projection, projection.schema.name(), events, &mut share.parking).await?;
        if let Some((position, error)) = stuck {
            // what doesn't park follows the log, where positions are dense
            (share.reaches, share.stuck) = (position - 1, Some(error));
        }
        Ok(touched)
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

/// Does something while something else is waited for, and keeps what that has come to. What waits must go on being polled: it may
/// have been given the connection that is needed here.
async fn beside<T, W: Future + Unpin>(work: impl Future<Output = T>, waiting: &mut W, came: &mut Option<W::Output>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            output = &mut *waiting, if came.is_none() => *came = Some(output),
        }
    }
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
