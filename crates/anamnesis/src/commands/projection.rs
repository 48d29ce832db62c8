//! `anamnesis projection`

mod park;

use std::time::{Duration, Instant};

use anamnesis_domain::system::{ProjectionRebuilt, RebuildAct, System, SystemCommand};
use anamnesis_domain::{AccountId, Line as Name, Sha256};
use anamnesis_projections::find;
use anamnesis_projections::kernel::Projection as ReadModel;
use anamnesis_projector::Rebuilt;
use anyhow::{Context, anyhow};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

use super::history::position_of;
use crate::DONE;
use crate::cli::{Projection, ProjectionRebuild};
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;
use crate::standing::{Standing, standings};
use crate::tenant::host_caller;

/// How far a read model has come.
#[derive(Serialize)]
struct Line {
    projection: &'static str,
    schema: &'static str,
    position: i64,
    behind: i64,
    /// For how long the first event that it is behind has been in the log, in seconds.
    behind_seconds: f64,
    /// How many positions a second it has come on while this command looked.
    events_per_second: f64,
    /// Streams that wait.
    parked: i64,
    /// Whether earlier tables are kept to go back to.
    keeps_earlier: bool,
}

pub(crate) async fn run(config: &Config, projection: Projection, output: Output) -> anyhow::Result<u8> {
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let code = match projection {
        Projection::List => list(&installation, output).await.map(|()| DONE)?,
        Projection::Rebuild(ProjectionRebuild { name, to: Some(to), .. }) => {
            stop_at(&installation, known(&name)?, &to, output).await.map(|()| DONE)?
        }
        Projection::Rebuild(rebuild) => build_anew(config, &installation, &rebuild, output).await.map(|()| DONE)?,
        Projection::Rollback { name } => roll_back(config, &installation, known(&name)?, output).await.map(|()| DONE)?,
        Projection::DropKept { name } => drop_kept(&installation, known(&name)?, output).await.map(|()| DONE)?,
        Projection::Park(park) => park::run(&installation, park, output).await?,
    };
    database.close().await?;
    Ok(code)
}

/// How long is looked how fast they are.
const RATE_OVER: Duration = Duration::from_secs(1);

async fn list(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let (before, begun) = (standings(&installation.writer).await?, Instant::now());
    sleep(RATE_OVER).await;
    let (now, seconds) = (standings(&installation.writer).await?, begun.elapsed().as_secs_f64());
    let head: i64 = sqlx::query_scalar("select position from journal.head").fetch_one(&installation.writer).await?;
    let positions: Vec<_> = now.iter().map(|standing| standing.position.cast_unsigned()).collect();
    let since = installation.log.waiting_since(&positions).await?;
    let mut lines = Vec::new();
    for (((projection, before), now), since) in anamnesis_projections::ALL.iter().zip(before).zip(now).zip(since) {
        let Standing { position, parked, .. } = now;
        let come_on = u32::try_from(position - before.position).unwrap_or_default();
        lines.push(Line {
            projection: projection.name,
            schema: projection.schema.name(),
            position,
            behind: (head - position).max(0),
            behind_seconds: since.unwrap_or_default().as_secs_f64(),
            events_per_second: f64::from(come_on) / seconds,
            parked,
            keeps_earlier: installation.rebuilding().keeps_earlier(projection).await?,
        });
    }
    let cells = |line: &Line| {
        let (seconds, rate) = (format!("{:.1}", line.behind_seconds), format!("{:.0}", line.events_per_second));
        let numbers = [line.position.to_string(), line.behind.to_string(), seconds, rate, line.parked.to_string()];
        let keeps_earlier = if line.keeps_earlier { "yes" } else { "no" }.to_owned();
        [line.projection.to_owned(), line.schema.to_owned()].into_iter().chain(numbers).chain([keeps_earlier]).collect()
    };
    output.table(&lines, &["PROJECTION", "SCHEMA", "POSITION", "BEHIND", "SECONDS", "PER SECOND", "PARKED", "KEEPS EARLIER"], cells)
}

/// What a rebuild did.
#[derive(Serialize)]
struct Done {
    projection: &'static str,
    position: u64,
    events: u64,
    digest: Option<String>,
    /// Streams that weren't compared: the one copy had parked them and the other hadn't.
    not_compared: usize,
    /// Streams that are parked.
    parked: usize,
    took_ms: u128,
}

impl Done {
    fn of(projection: &ReadModel, rebuilt: &Rebuilt) -> Self {
        let Rebuilt { position, events, digest, not_compared, parked, took } = rebuilt.clone();
        Self { projection: projection.name, position, events, digest, not_compared, parked, took_ms: took.as_millis() }
    }
}

fn known(name: &str) -> anyhow::Result<&'static ReadModel> {
    find(name).with_context(|| format!("there is no projection {name}: `anamnesis projection list` names them"))
}

async fn build_anew(config: &Config, installation: &Installation, asked: &ProjectionRebuild, output: Output) -> anyhow::Result<()> {
    let (projection, building, bar) = (known(&asked.name)?, installation.rebuilding(), ProgressBar::new(0));
    let told = |done, of| shown(&bar, done, of);
    let act = if asked.replace { RebuildAct::Replaced } else { RebuildAct::Rebuilt };
    let built = if asked.replace { building.replace(projection, told).await } else { building.run(projection, told).await };
    let rebuilt = built.with_context(|| format!("build {} anew", projection.name))?;
    bar.finish_and_clear();
    tell(installation, installation.organization(config.organization).await?, projection, &rebuilt, act).await?;
    let done = Done::of(projection, &rebuilt);
    output.data(&done, || {
        let parked = if done.parked == 0 { String::new() } else { format!("; {} streams are parked: see `projection park list`", done.parked) };
        format!("{} was built anew from {} events and took over at position {}{parked}", done.projection, done.events, done.position)
    })
}

fn shown(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}

async fn stop_at(installation: &Installation, projection: &'static ReadModel, to: &str, output: Output) -> anyhow::Result<()> {
    let (position, bar) = (position_of(&installation.log, to).await?, ProgressBar::new(0));
    let stopped = installation.rebuilding().stop_at(projection, position, |done, of| shown(&bar, done, of)).await?;
    bar.finish_and_clear();
    let done = Done::of(projection, &stopped);
    let digest = done.digest.clone().unwrap_or_default();
    output.data(&done, || format!("{} as of position {} has the digest {digest}; nothing was changed", done.projection, done.position))
}

async fn roll_back(config: &Config, installation: &Installation, projection: &'static ReadModel, output: Output) -> anyhow::Result<()> {
    let restored = installation.rebuilding().go_back(projection).await.with_context(|| format!("go back with {}", projection.name))?;
    tell(installation, installation.organization(config.organization).await?, projection, &restored, RebuildAct::RolledBack).await?;
    let done = Done::of(projection, &restored);
    output.data(&done, || format!("{} has gone back to its earlier tables, which took over at position {}", done.projection, done.position))
}

/// What became of the tables that were kept.
#[derive(Serialize)]
struct Dropped {
    projection: &'static str,
    dropped: bool,
}

async fn drop_kept(installation: &Installation, projection: &'static ReadModel, output: Output) -> anyhow::Result<()> {
    let dropped = installation.rebuilding().drop_kept(projection).await?;
    output.data(&Dropped { projection: projection.name, dropped }, || {
        if dropped {
            format!("the earlier tables of {} are dropped", projection.name)
        } else {
            format!("{} keeps no earlier tables", projection.name)
        }
    })
}

/// The act is in the log, as all that operators do.
async fn tell(installation: &Installation, organization: Uuid, projection: &ReadModel, rebuilt: &Rebuilt, act: RebuildAct) -> anyhow::Result<()> {
    let caller = host_caller(organization, AccountId::COMMAND_LINE, Uuid::now_v7());
    let event = ProjectionRebuilt {
        rebuilt_at: caller.now,
        projection: Name::try_from(projection.name).map_err(|error| anyhow!("the name {error}"))?,
        position: rebuilt.position,
        folded_events: rebuilt.events,
        duration_ms: u64::try_from(rebuilt.took.as_millis()).unwrap_or(u64::MAX),
        act,
        digest: rebuilt.digest.clone().and_then(|digest| Sha256::try_from(digest).ok()),
    };
    installation.journal.execute::<System>(organization, SystemCommand::Tell(event.into()), &caller, None).await.context("record the rebuild")?;
    Ok(())
}
