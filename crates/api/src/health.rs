//! Does this process answer, and does everything that it depends on?

use std::iter::repeat;
use std::time::{Duration, Instant};

use anamnesis_domain::Aggregate as _;
use anamnesis_domain::system::{CANARY, System};
use anamnesis_journal::log::LogError;
use anamnesis_journal::sequencer::SequencerState;
use anamnesis_loops::{Condition, LoopState, Loops};
use anamnesis_projections::find;
use anamnesis_projections::kernel::Follows;
use anamnesis_projector::{ProjectionState, Status};
use anamnesis_stream::Publication;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;

/// What hasn't worked for so long doesn't work.
const SILENT_FOR: Duration = Duration::from_secs(15);
/// How long the database may take to answer.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process goes on.
#[derive(Serialize, ToSchema)]
pub struct Live {
    /// `live`, or `broken`: something in this process is dead or stuck, and starting it anew helps.
    status: &'static str,
    /// What is dead or stuck.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<String>,
}

impl Live {
    /// How a process with these loops is.
    pub fn of(loops: &Loops) -> (StatusCode, Json<Self>) {
        let broken: Vec<_> = loops.unwell().into_iter().map(|unwell| unwell.name).collect();
        let (code, status) = if broken.is_empty() { (StatusCode::OK, "live") } else { (StatusCode::SERVICE_UNAVAILABLE, "broken") };
        (code, Json(Self { status, broken }))
    }
}

/// Whether requests can be answered, and what each answer depends on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ready`, `degraded` (all is answered, more slowly or from older read models, or a read model has parked streams) or `not ready`.
    status: &'static str,
    /// Everything that answers depend on.
    dependencies: Vec<Dependency>,
}

/// Something that answers depend on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dependency {
    /// `database`, `sequencer`, `tree`, `loops`, `projection patients`, …, `cache`, `publication`; `canary`, where one is expected; `loop …`, if one is dead or stuck.
    name: String,
    /// Whether it works.
    is_well: bool,
    /// What it does: `answers`, `leads`, `stands by`, `follows`, `waits`, `stands still`, …
    state: &'static str,
    /// How many events it is behind the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_events: Option<u64>,
    /// For how long the first of them has been in the log, in seconds; of the canary: how old the last is that came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
    /// How many events of the log a second it has passed lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_per_second: Option<f64>,
    /// How many streams wait behind an event that can't be taken: what is shown of them is older.
    #[serde(skip_serializing_if = "is_none")]
    parked_streams: usize,
}

impl Dependency {
    fn of(name: impl Into<String>, is_well: bool, state: &'static str, lag_events: Option<u64>) -> Self {
        Self { name: name.into(), is_well, state, lag_events, lag_seconds: None, events_per_second: None, parked_streams: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(parked_streams: &usize) -> bool {
    *parked_streams == 0
}

/// Says whether the process goes on with all that it does, and nothing about what it depends on.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200, body = Live), (status = 503, body = Live)))]
pub(crate) async fn live(State(app): State<App>) -> (StatusCode, Json<Live>) {
    Live::of(&app.loops)
}

/// Says whether requests can be answered: each dependency by name.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()), responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Json<Ready>) {
    let head = timeout(DATABASE_PATIENCE, app.log.head()).await.ok().and_then(Result::ok).map(|head| head.position);
    let mut dependencies = vec![database(head), sequencer(&app), tree(&app, head)];
    dependencies.extend(loops(&app));
    dependencies.extend(projections(&app, head).await);
    let mut helpful = vec![cache(&app).await];
    if let Some((canary, is_needed)) = canary(&app, head).await {
        if is_needed { &mut dependencies } else { &mut helpful }.push(canary);
    }
    let is_ready = dependencies.iter().all(|dependency| dependency.is_well);
    if app.settings.is_published {
        helpful.push(publication(&app, head).await);
    }
    let is_whole = dependencies.iter().all(|dependency| dependency.parked_streams == 0);
    let (code, status) = match (is_ready, is_whole && helpful.iter().all(|dependency| dependency.is_well)) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    dependencies.extend(helpful);
    (code, Json(Ready { status, dependencies }))
}

fn database(head: Option<u64>) -> Dependency {
    let is_well = head.is_some();
    Dependency::of("database", is_well, if is_well { "answers" } else { "doesn't answer" }, None)
}

/// What this process does, whoever depends on it: what is dead isn't only late.
fn loops(app: &App) -> Vec<Dependency> {
    let broken = |unwell: LoopState| {
        let state = if unwell.condition == Condition::Dead { "is dead" } else { "is stuck" };
        Dependency::of(format!("loop {}", unwell.name), false, state, None)
    };
    let unwell: Vec<_> = app.loops.unwell().into_iter().map(broken).collect();
    if unwell.is_empty() { vec![Dependency::of("loops", true, "go on", None)] } else { unwell }
}

fn sequencer(app: &App) -> Dependency {
    let health = app.sequencing.health();
    let is_well = is_recent(health.last_success);
    let state = match health.state {
        _ if !is_well => "doesn't work",
        SequencerState::Leading { .. } => "leads",
        SequencerState::Standby => "stands by",
    };
    Dependency::of("sequencer", is_well, state, None)
}

fn tree(app: &App, head: Option<u64>) -> Dependency {
    let health = app.following.health();
    let is_well = health.problem.is_none() && is_recent(health.last_success);
    let state = if is_well { "follows" } else { "doesn't follow" };
    Dependency::of("tree", is_well, state, lag(head, health.size))
}

async fn projections(app: &App, head: Option<u64>) -> Vec<Dependency> {
    let states = app.projecting.states();
    let positions: Vec<_> = states.values().map(|projection| projection.position).collect();
    let since = answered(head, app.log.waiting_since(&positions)).await.unwrap_or_default();
    let since = since.into_iter().map(|since| since.map(|since| since.as_secs_f64())).chain(repeat(None));
    let told = states.into_iter().zip(since).map(|((name, projection), lag_seconds)| {
        let (is_well, state) = match projection.status {
            Status::Running => (true, "follows"),
            Status::Starting => (false, "starts"),
            Status::Waiting { .. } => (false, "waits"),
            Status::StandingBy => (false, "stands by"),
            Status::Stopped { .. } => (false, "stands still"),
        };
        let dependency = Dependency::of(format!("projection {name}"), is_well, state, lag(head, projection.position));
        let events_per_second = app.projecting.events_per_second(name);
        Dependency { parked_streams: projection.parked, lag_seconds, events_per_second, ..dependency }
    });
    told.collect()
}

/// What the database answers in time. One that hasn't told the head isn't asked more.
async fn answered<T>(head: Option<u64>, question: impl Future<Output = Result<T, LogError>>) -> Option<T> {
    head?;
    timeout(DATABASE_PATIENCE, question).await.ok()?.ok()
}

/// Whether what is written comes through to every read model in time, and whether requests can be answered if it doesn't: that
/// depends on the read models that follow the log itself.
async fn canary(app: &App, head: Option<u64>) -> Option<(Dependency, bool)> {
    let may_be = Duration::from_millis(app.settings.canary_age_ms?);
    let states = app.projecting.states();
    let reached = |among: &dyn Fn(&str) -> bool| {
        let those = states.iter().filter(|(name, _)| among(name)).map(|(_, ProjectionState { position, .. })| *position);
        those.min().unwrap_or_default()
    };
    let follows_log = |name: &str| !app.settings.is_published || find(name).is_none_or(|projection| projection.follows == Follows::Log);
    let since = async |position| answered(head, app.log.since_last_of(System::TYPE, CANARY, position)).await.flatten();
    let in_time = |since: Option<Duration>| since.is_some_and(|since| since <= may_be);
    let everywhere = since(reached(&|_| true)).await;
    let is_well = in_time(everywhere);
    let is_needed = is_well || !in_time(since(reached(&follows_log)).await);
    let dependency = Dependency::of("canary", is_well, if is_well { "comes through" } else { "doesn't come through" }, None);
    Some((Dependency { lag_seconds: everywhere.map(|since| since.as_secs_f64()), ..dependency }, is_needed))
}

/// Without it everything is answered too.
async fn cache(app: &App) -> Dependency {
    let is_well = app.cache.health().await.is_well;
    Dependency::of("cache", is_well, if is_well { "answers" } else { "doesn't answer" }, None)
}

/// Without it commands are done and queries answered, from read models that come no further.
async fn publication(app: &App, head: Option<u64>) -> Dependency {
    let publication = timeout(DATABASE_PATIENCE, Publication::of(&app.reader)).await.ok().and_then(Result::ok);
    let is_well = publication.is_some_and(|publication| publication.is_led);
    let lag_events = publication.and_then(|publication| lag(head, publication.position));
    Dependency::of("publication", is_well, if is_well { "publishes" } else { "nobody publishes" }, lag_events)
}

fn lag(head: Option<u64>, position: u64) -> Option<u64> {
    head.map(|head| head.saturating_sub(position))
}

fn is_recent(success: Option<Instant>) -> bool {
    success.is_some_and(|success| success.elapsed() < SILENT_FOR)
}
