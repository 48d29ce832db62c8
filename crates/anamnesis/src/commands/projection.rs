//! `anamnesis projection`

mod park;

use std::time::{Duration, Instant};

use anamnesis_domain::system::{ProjectionRebuilt, System, SystemCommand};
use anamnesis_domain::{AccountId, Line as Name, Sha256};
use anamnesis_projections::find;
use anamnesis_projector::Rebuilt;
use anyhow::{Context, anyhow};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

use crate::DONE;
use crate::cli::Projection;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;
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
}

pub(crate) async fn run(config: &Config, projection: Projection, output: Output) -> anyhow::Result<u8> {
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let code = match projection {
        Projection::List => list(&installation, output).await.map(|()| DONE)?,
        Projection::Rebuild { name } => rebuild(config, &installation, &name, output).await.map(|()| DONE)?,
        Projection::Park(park) => park::run(&installation, park, output).await?,
    };
    database.close().await?;
    Ok(code)
}

/// How long is looked how fast they are.
const RATE_OVER: Duration = Duration::from_secs(1);

async fn list(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let (before, begun) = (reached(installation).await?, Instant::now());
    sleep(RATE_OVER).await;
    let (reached, seconds) = (reached(installation).await?, begun.elapsed().as_secs_f64());
    let head: i64 = sqlx::query_scalar("select position from journal.head").fetch_one(&installation.writer).await?;
    let positions: Vec<_> = reached.iter().map(|(position, _)| position.cast_unsigned()).collect();
    let since = installation.log.waiting_since(&positions).await?;
    let mut lines = Vec::new();
    for (((projection, (was, _)), (position, parked)), since) in anamnesis_projections::ALL.iter().zip(before).zip(reached).zip(since) {
        let come_on = u32::try_from(position - was).unwrap_or_default();
        lines.push(Line {
            projection: projection.name,
            schema: projection.schema.name(),
            position,
            behind: (head - position).max(0),
            behind_seconds: since.unwrap_or_default().as_secs_f64(),
            events_per_second: f64::from(come_on) / seconds,
            parked,
        });
    }
    let cells = |line: &Line| {
        let (seconds, rate) = (format!("{:.1}", line.behind_seconds), format!("{:.0}", line.events_per_second));
        let numbers = [line.position.to_string(), line.behind.to_string(), seconds, rate, line.parked.to_string()];
        [line.projection.to_owned(), line.schema.to_owned()].into_iter().chain(numbers).collect()
    };
    output.table(&lines, &["PROJECTION", "SCHEMA", "POSITION", "BEHIND", "SECONDS", "PER SECOND", "PARKED"], cells)
}

/// Up to where each is, in their order, and how many streams it has parked.
async fn reached(installation: &Installation) -> sqlx::Result<Vec<(i64, i64)>> {
    let names: Vec<_> = anamnesis_projections::ALL.iter().map(|projection| projection.name).collect();
    sqlx::query_as(
        "select coalesce((select position from journal.reached where consumer = name), 0),
                (select count(*) from journal.parked where consumer = name)
         from unnest($1) with ordinality as projection (name, number)
         order by number",
    )
    .bind(names)
    .fetch_all(&installation.writer)
    .await
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

async fn rebuild(config: &Config, installation: &Installation, name: &str, output: Output) -> anyhow::Result<()> {
    let projection = find(name).with_context(|| format!("there is no projection {name}: `anamnesis projection list` names them"))?;
    let bar = ProgressBar::new(0);
    let rebuilt = installation.rebuild(projection, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    let rebuilt = rebuilt.await?;
    bar.finish_and_clear();
    tell(installation, installation.organization(config.organization).await?, name, &rebuilt).await?;
    let Rebuilt { position, events, digest, not_compared, parked, took } = rebuilt;
    let done = Done { projection: projection.name, position, events, digest, not_compared, parked, took_ms: took.as_millis() };
    output.data(&done, || {
        let parked = if parked == 0 { String::new() } else { format!("; {parked} streams are parked: see `projection park list`") };
        format!("{} was built anew from {} events and took over at position {}{parked}", done.projection, done.events, done.position)
    })
}

/// The act is in the log, as all that operators do.
async fn tell(installation: &Installation, organization: Uuid, name: &str, rebuilt: &Rebuilt) -> anyhow::Result<()> {
    let caller = host_caller(organization, AccountId::COMMAND_LINE, Uuid::now_v7());
    let event = ProjectionRebuilt {
        rebuilt_at: caller.now,
        projection: Name::try_from(name).map_err(|error| anyhow!("the name {error}"))?,
        position: rebuilt.position,
        folded_events: rebuilt.events,
        duration_ms: u64::try_from(rebuilt.took.as_millis()).unwrap_or(u64::MAX),
        digest: rebuilt.digest.clone().and_then(|digest| Sha256::try_from(digest).ok()),
    };
    installation.journal.execute::<System>(organization, SystemCommand::Tell(event.into()), &caller, None).await.context("record the rebuild")?;
    Ok(())
}
