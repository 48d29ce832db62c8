//! `anamnesis reactor`

use anamnesis_projector::reactor::outbox::{self, Listed, Waiting};
use anyhow::{Context, bail};
use serde::Serialize;

use crate::cli::Reactor;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;

/// So many effects are shown.
const MOST_SHOWN: u32 = 1_000;

pub(crate) async fn run(config: &Config, reactor: Reactor, output: Output) -> anyhow::Result<()> {
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    match reactor {
        Reactor::List => list(&installation, output).await,
        Reactor::Outbox => show(&installation, output).await,
        Reactor::Retry { name, position } => retry(&installation, &name, position, output).await,
    }?;
    database.close().await
}

/// What is printed of a reactor.
#[derive(Serialize)]
struct Line {
    reactor: String,
    position: i64,
    behind: i64,
    waiting: i64,
    given_up: i64,
    oldest: Option<String>,
}

impl From<Listed> for Line {
    fn from(Listed { reactor, position, behind, waiting, given_up, oldest }: Listed) -> Self {
        Self { reactor, position, behind, waiting, given_up, oldest: oldest.map(|time| time.to_rfc3339()) }
    }
}

async fn list(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let lines: Vec<Line> = outbox::list(&installation.writer).await.context("look how far the reactors are")?.into_iter().map(Line::from).collect();
    output.table(&lines, &["REACTOR", "POSITION", "BEHIND", "WAITING", "GIVEN UP", "OLDEST"], |line| {
        let numbers = [line.position, line.behind, line.waiting, line.given_up].map(|number| number.to_string());
        [line.reactor.clone()].into_iter().chain(numbers).chain([line.oldest.clone().unwrap_or_default()]).collect()
    })
}

/// What is printed of an effect that hasn't been had.
#[derive(Serialize)]
struct Effect {
    reactor: String,
    position: i64,
    attempts: i32,
    noted_at: String,
    /// None: it waits for an operator.
    due_at: Option<String>,
    failure: Option<String>,
}

impl From<Waiting> for Effect {
    fn from(Waiting { reactor, position, attempts, noted_at, due_at, failure, given_up_at }: Waiting) -> Self {
        let due_at = given_up_at.is_none().then(|| due_at.to_rfc3339());
        Self { reactor, position, attempts, noted_at: noted_at.to_rfc3339(), due_at, failure }
    }
}

async fn show(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let waiting = outbox::waiting(&installation.writer, MOST_SHOWN).await.context("look what is to be done")?;
    let effects: Vec<Effect> = waiting.into_iter().map(Effect::from).collect();
    output.table(&effects, &["REACTOR", "POSITION", "ATTEMPTS", "SINCE", "NEXT", "FAILURE"], |effect| {
        let next = effect.due_at.clone().unwrap_or_else(|| "given up".to_owned());
        let (position, attempts) = (effect.position.to_string(), effect.attempts.to_string());
        vec![effect.reactor.clone(), position, attempts, effect.noted_at.clone(), next, effect.failure.clone().unwrap_or_default()]
    })
}

/// What was asked for.
#[derive(Serialize)]
struct Asked {
    effects: u64,
}

async fn retry(installation: &Installation, name: &str, position: Option<u64>, output: Output) -> anyhow::Result<()> {
    let effects = outbox::retry(&installation.writer, name, position).await.context("ask for another attempt")?;
    if effects == 0 {
        bail!("nothing like that waits: `anamnesis reactor outbox` shows what does");
    }
    output.data(&Asked { effects }, || format!("{effects} will be tried again as soon as `{name}` runs"))
}
