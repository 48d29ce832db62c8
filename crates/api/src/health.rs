//! Does this process answer, and does everything that it depends on?

use std::time::{Duration, Instant};

use anamnesis_journal::sequencer::SequencerState;
use anamnesis_loops::{Condition, LoopState, Loops};
use anamnesis_projector::Status;
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
    /// `database`, `sequencer`, `tree`, `loops`, `projection patients`, …, `cache`, `publication`; `loop …`, if one is dead or stuck.
    name: String,
    /// Whether it works.
    is_well: bool,
    /// What it does: `answers`, `leads`, `stands by`, `follows`, `waits`, `stands still`, …
    state: &'static str,
    /// How many events it is behind the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_events: Option<u64>,
    /// How many streams wait behind an event that can't be taken: what is shown of them is older.
    #[serde(skip_serializing_if = "is_none")]
    parked_streams: usize,
}

impl Dependency {
    fn of(name: impl Into<String>, is_well: bool, state: &'static str, lag_events: Option<u64>) -> Self {
        Self { name: name.into(), is_well, state, lag_events, parked_streams: 0 }
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
    dependencies.extend(projections(&app, head));
    let is_ready = dependencies.iter().all(|dependency| dependency.is_well);
    let mut helpful = vec![cache(&app).await];
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

fn projections(app: &App, head: Option<u64>) -> impl Iterator<Item = Dependency> {
    app.projecting.states().into_iter().map(move |(name, projection)| {
        let (is_well, state) = match projection.status {
            Status::Running => (true, "follows"),
            Status::Starting => (false, "starts"),
            Status::Waiting { .. } => (false, "waits"),
            Status::StandingBy => (false, "stands by"),
            Status::Stopped { .. } => (false, "stands still"),
        };
        let dependency = Dependency::of(format!("projection {name}"), is_well, state, lag(head, projection.position));
        Dependency { parked_streams: projection.parked, ..dependency }
    })
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
