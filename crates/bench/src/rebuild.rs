//! How many events a second become a read model, and how much memory does that take?
//!
//! Each round is a process of its own, so that none finds keys or memory of another, and its peak is its own.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anamnesis_journal::log::Log;
use anamnesis_journal::{Role, pool_as};
use anamnesis_projections::patients::PATIENTS;
use anamnesis_projector::{Rebuild, Rebuilt, digest, ensure_schema};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::process::Command;

use crate::by_hand_rebuild;
use crate::harness::Bench;
use crate::patients;
use crate::server::{Installation, Server, open_vault};

const REBUILT: &str = "Rebuild";
const COMPARED: &str = "Rebuild, compared with the live tables";
const BY_HAND: &str = "by hand: COPY out, open on all cores, COPY in";
/// The word before a round in a process of its own.
pub(crate) const ONCE: &str = "rebuild-once";
/// Where memory is looked at first.
const FEW_EVENTS: u32 = 10_000;

/// What a process that did it once says.
#[derive(Serialize, Deserialize)]
struct Once {
    events: u32,
    seconds: f64,
    peak_kib: u64,
}

/// Prints and writes the comparison, over a log of so many events.
pub(crate) async fn run(server: &Server, rounds: usize, events: u32) -> Result<()> {
    ensure!(events > FEW_EVENTS, "it takes more than {FEW_EVENTS} events to see whether memory grows");
    let installation = &Installation::new(server).await?;
    ensure_schema(&installation.database.superuser(1).await?, &[&PATIENTS]).await?;
    let few_events = grow(installation, FEW_EVENTS).await?;
    let (few, few_by_hand) = (once(installation, REBUILT, few_events).await?, once(installation, BY_HAND, few_events).await?);
    assert_same_rows(installation).await?;
    let events = grow(installation, events - few_events).await?;
    let peaks = &RefCell::new(Vec::new());
    let round = |side: &'static str| async move {
        let Once { seconds, peak_kib, .. } = once(installation, side, events).await?;
        peaks.borrow_mut().push((side, peak_kib));
        Ok(f64::from(events) / seconds)
    };
    let bench = Bench::new("rebuild", "events/s", server, rounds)?
        .side(REBUILT, || round(REBUILT))
        .side(COMPARED, || round(COMPARED))
        .side(BY_HAND, || round(BY_HAND));
    let mut report = bench.run().await?;
    report.ratio_at_least("ratio_by_hand", REBUILT, BY_HAND, 0.5)?;
    report.ratio("ratio_compared", COMPARED, BY_HAND)?;
    for (side, few) in [(REBUILT, few), (BY_HAND, few_by_hand)] {
        let many = peaks.borrow().iter().filter(|(of, _)| *of == side).map(|(_, peak)| *peak).max().unwrap_or_default();
        println!("  memory of `{side}`: {} KiB with {} events, {many} KiB with {events}", few.peak_kib, few.events);
        let name = if side == REBUILT { "memory" } else { "memory_by_hand" };
        report.note(name, json!({ "few_events": few.events, "few_kib": few.peak_kib, "many_events": events, "many_kib": many }));
    }
    report.write()
}

/// Appends so many events and builds the live tables from all there are now: a rebuild goes only as far as those are.
async fn grow(installation: &Installation, by: u32) -> Result<u32> {
    patients::write(installation, by).await?;
    let superuser = installation.database.superuser(1).await?;
    let events: i64 = sqlx::query_scalar("select count(*) from journal.events").fetch_one(&superuser).await?;
    // tables that have come nowhere are built as far as the log goes
    sqlx::query("delete from journal.checkpoints").execute(&superuser).await?;
    let events = u32::try_from(events)?;
    once(installation, REBUILT, events).await?;
    Ok(events)
}

/// Both sides make the same rows, or one of them would win by doing less.
async fn assert_same_rows(installation: &Installation) -> Result<()> {
    let pool = installation.database.superuser(2).await?;
    let vault = open_vault(pool.clone(), installation.keyring.path()).await?;
    let mut connection = pool.acquire().await?;
    let ours = digest(&mut connection, &vault, &PATIENTS, PATIENTS.schema.name()).await?;
    let by_hand = digest(&mut connection, &vault, &PATIENTS, by_hand_rebuild::SCHEMA).await?;
    ensure!(ours == by_hand, "the rows made by hand say something else");
    Ok(())
}

/// One side, once, over all events.
async fn once(installation: &Installation, side: &str, events: u32) -> Result<Once> {
    by_hand_rebuild::clear(installation).await?;
    let output = Command::new(std::env::current_exe()?)
        .args([ONCE, side, &installation.database.url()])
        .arg(installation.keyring.path())
        .stderr(std::process::Stdio::inherit())
        .output()
        .await?;
    ensure!(output.status.success(), "`{side}` failed");
    let once: Once = serde_json::from_slice(&output.stdout).context("what the process said")?;
    ensure!(once.events == events, "`{side}` took {} events, not all {events}", once.events);
    Ok(once)
}

/// In a process of its own: one round of one side.
pub(crate) async fn in_own_process(arguments: &[String]) -> Result<()> {
    let [side, url, keyring] = arguments else { bail!("rebuild-once takes a side, a database and a keyring's folder") };
    let pool = |role| pool_as(url, role, 16);
    let vault = open_vault(pool(Role::Writer)?, Path::new(keyring)).await?;
    let (owner, projector) = (sqlx::PgPool::connect(url).await?, pool(Role::Projector)?);
    let rebuild = Rebuild::new(owner.clone(), projector.clone(), vault.clone(), Log::new(projector));
    let began = Instant::now();
    let events = match side.as_str() {
        REBUILT => rebuild.replace(&PATIENTS, |_, _| {}).await?.events,
        COMPARED => compared(&rebuild.run(&PATIENTS, |_, _| {}).await?)?,
        BY_HAND => by_hand_rebuild::run(&owner, &vault).await?,
        other => bail!("there is no side `{other}`"),
    };
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string(&Once { events: u32::try_from(events)?, seconds, peak_kib: peak_kib()? })?);
    Ok(())
}

fn compared(rebuilt: &Rebuilt) -> Result<u64> {
    ensure!(rebuilt.digest.is_some(), "there was nothing to compare with");
    Ok(rebuilt.events)
}

/// The most memory that this process has had.
fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
