//! `anamnesis projection park`
//!
//! It changes no read model: it asks whoever runs the projection, and says what became of it.

use std::time::Duration;

use anamnesis_domain::system::{EventSkipped, System, SystemCommand};
use anamnesis_domain::{AccountId, Line as Name, Text};
use anamnesis_projections::find;
use anamnesis_projections::kernel::AtPoison;
use anamnesis_projector::Reason;
use anamnesis_projector::parked::{self, Parked};
use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::cli::{Park, ParkRetry, ParkSkip, ParkedStream};
use crate::installation::Installation;
use crate::output::Output;
use crate::tenant::host_caller;
use crate::{DONE, FAILED};

/// How often it looks what became of it.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So many of the events that wait are shown.
const MOST_SHOWN: u32 = 1_000;

pub(crate) async fn run(installation: &Installation, park: Park, output: Output) -> anyhow::Result<u8> {
    match park {
        Park::List => list(installation, output).await.map(|()| DONE),
        Park::Show(stream) => show(installation, &stream, output).await.map(|()| DONE),
        Park::Retry(retry) => try_again(installation, &retry, output).await,
        Park::Skip(skip) => go_on_without(installation, skip, output).await,
    }
}

/// What is printed of a parked stream.
#[derive(Serialize)]
struct Line {
    projection: String,
    /// What waits: `stream`, or `projection` where that must not go on without the event.
    waits: &'static str,
    aggregate_type: String,
    aggregate_id: Uuid,
    /// The event that can't be taken.
    position: i64,
    reason: String,
    waiting_events: i64,
    attempts: i32,
    parked_at: String,
}

impl From<Parked> for Line {
    fn from(parked: Parked) -> Self {
        Self {
            projection: parked.projection,
            waits: if parked.stands_still { "projection" } else { "stream" },
            aggregate_type: parked.aggregate_type,
            aggregate_id: parked.aggregate_id,
            position: parked.position,
            reason: parked.reason,
            waiting_events: parked.waiting,
            attempts: parked.attempts,
            parked_at: parked.parked_at.to_rfc3339(),
        }
    }
}

async fn list(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let lines: Vec<Line> = parked::list(&installation.writer).await.context("look what is parked")?.into_iter().map(Line::from).collect();
    let header = ["PROJECTION", "WAITS", "STREAM", "POSITION", "REASON", "EVENTS", "ATTEMPTS", "SINCE"];
    output.table(&lines, &header, |line| {
        let stream = format!("{}/{}", line.aggregate_type, line.aggregate_id);
        let numbers = [line.waiting_events.to_string(), line.attempts.to_string(), line.parked_at.clone()];
        [line.projection.clone(), line.waits.to_owned(), stream, line.position.to_string(), line.reason.clone()].into_iter().chain(numbers).collect()
    })
}

/// A parked stream, and what waits of it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    line: Line,
    advice: &'static str,
    events: Vec<ShownEvent>,
}

#[derive(Serialize)]
struct ShownEvent {
    position: i64,
    sequence: i64,
    event_type: Option<String>,
    logged_at: String,
}

async fn show(installation: &Installation, stream: &ParkedStream, output: Output) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for parked in select(installation, Some(stream.id), stream.projection.as_deref()).await? {
        let events = parked::waiting(&installation.writer, &parked, MOST_SHOWN).await.context("look what waits")?;
        let events = events.into_iter().map(|event| ShownEvent {
            position: event.position,
            sequence: event.sequence,
            event_type: event.event_type,
            logged_at: event.logged_at.to_rfc3339(),
        });
        shown.push(Shown { advice: advice(&parked.reason), events: events.collect(), line: parked.into() });
    }
    output.data(&shown, || shown.iter().map(in_words).collect::<Vec<_>>().join("\n\n"))
}

fn advice(reason: &str) -> &'static str {
    Reason::ALL.into_iter().find(|known| known.as_str() == reason).map_or("", Reason::advice)
}

fn in_words(Shown { line, advice, events }: &Shown) -> String {
    let whole = if line.waits == "projection" { ", and with it the whole projection" } else { "" };
    let head = format!(
        "{}/{} waits in {} since {}{whole}: {} at position {}\n{advice}",
        line.aggregate_type, line.aggregate_id, line.projection, line.parked_at, line.reason, line.position
    );
    let events = events.iter().map(|event| {
        format!("\n  {} {} (sequence {}, {})", event.position, event.event_type.as_deref().unwrap_or("gone"), event.sequence, event.logged_at)
    });
    std::iter::once(head).chain(events).collect()
}

/// What is parked of a stream, or all.
async fn select(installation: &Installation, id: Option<Uuid>, projection: Option<&str>) -> anyhow::Result<Vec<Parked>> {
    if let Some(name) = projection.filter(|name| find(name).is_none()) {
        bail!("there is no projection {name}: `anamnesis projection list` names them");
    }
    let mut selected = parked::list(&installation.writer).await.context("look what is parked")?;
    selected.retain(|parked| id.is_none_or(|id| parked.aggregate_id == id) && projection.is_none_or(|name| parked.projection == name));
    match id {
        Some(id) if selected.is_empty() => bail!("no stream {id} is parked: `anamnesis projection park list` names those that are"),
        Some(_) | None => Ok(selected),
    }
}

async fn try_again(installation: &Installation, retry: &ParkRetry, output: Output) -> anyhow::Result<u8> {
    let selected = select(installation, retry.id, retry.projection.as_deref()).await?;
    ask_and_see(installation, selected, Duration::from_secs(retry.wait), output).await
}

/// What became of a stream that was to be tried again.
#[derive(Serialize)]
struct Became {
    projection: String,
    aggregate_type: String,
    aggregate_id: Uuid,
    /// `goes on`, `parked` or `waiting to be tried`.
    outcome: &'static str,
    /// Where it is parked now, and why.
    position: Option<i64>,
    reason: Option<String>,
    waiting_events: i64,
}

impl Became {
    fn of(parked: Parked, outcome: &'static str) -> Self {
        let Parked { projection, aggregate_type, aggregate_id, position, reason, waiting, .. } = parked;
        let goes_on = outcome == GOES_ON;
        let (position, reason) = if goes_on { (None, None) } else { (Some(position), Some(reason)) };
        Self { projection, aggregate_type, aggregate_id, outcome, position, reason, waiting_events: if goes_on { 0 } else { waiting } }
    }

    fn in_words(&self) -> String {
        let Self { projection, aggregate_type, aggregate_id, outcome, .. } = self;
        let why = match (&self.position, &self.reason, *outcome) {
            (_, _, UNTRIED) => format!(": nobody has tried it yet, {projection} may not be running; it is tried as soon as it does"),
            (Some(position), Some(reason), _) => format!(" at position {position}: {reason}; {} events wait", self.waiting_events),
            _ => String::new(),
        };
        format!("{aggregate_type}/{aggregate_id} in {projection}: {outcome}{why}")
    }
}

const GOES_ON: &str = "goes on";
const STILL_PARKED: &str = "parked";
const UNTRIED: &str = "waiting to be tried";

/// 1 if anything is still parked.
async fn ask_and_see(installation: &Installation, selected: Vec<Parked>, wait: Duration, output: Output) -> anyhow::Result<u8> {
    for parked in &selected {
        parked::ask(&installation.writer, parked).await.context("ask for it to be tried again")?;
    }
    let deadline = Instant::now() + wait;
    let became = loop {
        let now = parked::list(&installation.writer).await.context("look what became of it")?;
        let is_tried = |parked: &Parked| !now.iter().any(|other| is_same(other, parked) && other.is_asked);
        if Instant::now() >= deadline || selected.iter().all(is_tried) {
            break selected.into_iter().map(|parked| became(parked, &now)).collect::<Vec<_>>();
        }
        sleep(LOOK_EVERY).await;
    };
    output.data(&became, || {
        if became.is_empty() { "nothing is parked".to_owned() } else { became.iter().map(Became::in_words).collect::<Vec<_>>().join("\n") }
    })?;
    Ok(if became.iter().all(|became| became.outcome == GOES_ON) { DONE } else { FAILED })
}

fn is_same(one: &Parked, other: &Parked) -> bool {
    one.projection == other.projection && one.stream() == other.stream()
}

fn became(before: Parked, now: &[Parked]) -> Became {
    match now.iter().find(|parked| is_same(parked, &before)) {
        None => Became::of(before, GOES_ON),
        Some(parked) if parked.is_asked => Became::of(parked.clone(), UNTRIED),
        Some(parked) => Became::of(parked.clone(), STILL_PARKED),
    }
}

async fn go_on_without(installation: &Installation, skip: ParkSkip, output: Output) -> anyhow::Result<u8> {
    let ParkSkip { stream: ParkedStream { id, projection }, reason, wait } = skip;
    let selected = select(installation, Some(id), projection.as_deref()).await?;
    let [parked] = selected.as_slice() else {
        let names: Vec<_> = selected.iter().map(|parked| parked.projection.as_str()).collect();
        bail!("several projections have parked it: name one with --projection ({})", names.join(", "));
    };
    let known = find(&parked.projection).with_context(|| format!("there is no projection {} in this version", parked.projection))?;
    if known.at_poison() == AtPoison::StandsStillForGood {
        bail!("{} decides who may see what: what an event took away would go on being allowed without it. Mend the event, then retry", known.name);
    }
    let command_id = tell(installation, parked, reason).await?;
    if !parked::skip(&installation.writer, parked, command_id).await.context("leave the event out")? {
        bail!("position {} isn't what {} waits for any more: look again with `projection park show`", parked.position, parked.projection);
    }
    ask_and_see(installation, selected, Duration::from_secs(wait), output).await
}

/// Who decided so, and why, is in the log before anything comes of it.
async fn tell(installation: &Installation, parked: &Parked, reason: String) -> anyhow::Result<Uuid> {
    let caller = host_caller(parked.organization_id, AccountId::COMMAND_LINE, Uuid::now_v7());
    let line = |name: &str| Name::try_from(name).map_err(|error| anyhow!("a name {error}"));
    let event = EventSkipped {
        skipped_at: caller.now,
        projection: line(&parked.projection)?,
        position: parked.position.cast_unsigned(),
        aggregate_type: line(&parked.aggregate_type)?,
        aggregate_id: parked.aggregate_id,
        fault: line(&parked.reason)?,
        reason: Text::try_from(reason).map_err(|error| anyhow!("the reason {error}"))?,
    };
    let organization = parked.organization_id;
    installation.journal.execute::<System>(organization, SystemCommand::Tell(event.into()), &caller, None).await.context("record who skips what")?;
    Ok(caller.command_id)
}
