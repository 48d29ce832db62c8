//! `anamnesis doctor`

use std::time::Duration;

use anamnesis_cache::Health;
use anamnesis_domain::Aggregate as _;
use anamnesis_domain::system::{CANARY, System};
use anamnesis_journal::tree::SignedCheckpoint;
use anamnesis_projector::reactor::outbox;
use anamnesis_stream::{Cluster, KafkaSettings, Publication, RegistryError, examine_cluster, examine_registry};
use anamnesis_vault::KeyFilter;
use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::Serialize;
use sqlx::{Connection, PgConnection};

use crate::FAILED;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;
use crate::standing::standings;

/// Clocks may differ by so much.
const MOST_CLOCK_SKEW: Duration = Duration::from_secs(5);
/// A consumer so far behind is worth a look.
const MOST_LAG: i64 = 10_000;

/// One line of the examination.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    /// `ok`, `warning` or `bad`.
    state: &'static str,
    detail: String,
}

impl Finding {
    fn of(check: &'static str, examined: anyhow::Result<String>) -> Self {
        match examined {
            Ok(detail) => Self { check, state: "ok", detail },
            Err(error) => Self { check, state: "bad", detail: format!("{error:#}") },
        }
    }
}

/// Checks everything this installation depends on; 1 if anything is bad.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<u8> {
    let findings = match Database::existing(config).await {
        Ok(database) => {
            let findings = examine(config, &database).await;
            database.close().await?;
            findings
        }
        Err(error) => vec![Finding::of("connection", Err(error))],
    };
    output.table(&findings, &["CHECK", "STATE", "DETAIL"], |finding| {
        vec![finding.check.to_owned(), finding.state.to_owned(), finding.detail.clone()]
    })?;
    Ok(if findings.iter().any(|finding| finding.state == "bad") { FAILED } else { crate::DONE })
}

async fn examine(config: &Config, database: &Database) -> Vec<Finding> {
    let mut findings = vec![Finding::of("connection", connection(database).await)];
    let installation = match Installation::open(config, &database.url).await {
        Ok(installation) => installation,
        Err(error) => {
            findings.push(Finding::of("installation", Err(error)));
            return findings;
        }
    };
    findings.push(Finding::of("encryption", encryption(&installation).await));
    findings.push(Finding::of("sequencer", sequencer(&installation).await));
    findings.push(Finding::of("proof", proof(config, &installation).await));
    if let Some(kafka) = &config.kafka {
        findings.push(Finding::of("kafka", cluster(kafka).await));
        findings.push(registry(kafka, &installation).await);
        findings.push(Finding::of("publication", publication(&installation).await));
    }
    findings.push(Finding::of("audit", behind(&installation, &["audit_logs", "data_access_logs", "compliance_logs"]).await));
    findings.push(Finding::of("projections", projections(&installation).await));
    if let Some(may_be_ms) = config.canary_age_ms() {
        findings.push(Finding::of("canary", canary(&installation, Duration::from_millis(may_be_ms)).await));
    }
    findings.push(Finding::of("parked", parked(&installation).await));
    findings.push(Finding::of("reactors", reactors(&installation).await));
    findings.push(cache(&installation).await);
    findings.push(Finding::of("clock", clock(&installation).await));
    findings.push(Finding::of("disk", disk(config)));
    if config.database_url.is_none() {
        let detail = "keyring, signing key and database lie on one disk: an old copy of the whole folder would not be noticed".to_owned();
        findings.push(Finding { check: "anchoring", state: "warning", detail });
    }
    findings
}

async fn connection(database: &Database) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(database.url.expose_secret()).await.context("connect")?;
    let version: String = sqlx::query_scalar("show server_version").fetch_one(&mut connection).await?;
    Ok(format!("PostgreSQL {version}"))
}

async fn encryption(installation: &Installation) -> anyhow::Result<String> {
    let keys = installation.vault.list(&KeyFilter::default()).await?;
    let ids: Vec<_> = keys.iter().filter(|key| key.state.as_str() == "active").map(|key| key.key_id).take(100).collect();
    let opened = installation.vault.open_keys(&ids).await.context("open keys with the keyring")?;
    match ids.iter().find(|id| opened.get(**id).is_none()) {
        Some(id) => bail!("the key {id} doesn't open"),
        None => Ok(format!("{} of the first keys opened", ids.len())),
    }
}

async fn sequencer(installation: &Installation) -> anyhow::Result<String> {
    let head = "select position, expires_at > clock_timestamp(), (select count(*) from journal.unsequenced) from journal.head";
    let (position, led, queued): (i64, bool, i64) = sqlx::query_as(head).fetch_one(&installation.writer).await?;
    if !led && queued > 0 {
        bail!("nobody leads the log, and {queued} events wait: start `anamnesis up`");
    }
    Ok(format!("at position {position}, {queued} waiting{}", if led { "" } else { ", nobody leads" }))
}

async fn proof(config: &Config, installation: &Installation) -> anyhow::Result<String> {
    let signer = config.signer()?;
    let remembered = signer.last().context("read the signer's last head")?.head().size;
    let newest: Option<String> =
        sqlx::query_scalar("select note from journal.tree_heads order by size desc limit 1").fetch_optional(&installation.writer).await?;
    let stored = match newest {
        Some(note) => SignedCheckpoint::open(&note, signer.verifying_key()).context("the newest stored head")?.head().size,
        None => 0,
    };
    if stored < remembered {
        bail!("the signer remembers a head of size {remembered}, the database only {stored}: was an old copy restored?");
    }
    Ok(format!("signed up to {stored}"))
}

async fn behind(installation: &Installation, names: &[&str]) -> anyhow::Result<String> {
    let lags = "select consumer, (select position from journal.head) - position
        from journal.reached
        where consumer = any($1)
          and exists (select from journal.projectors where projectors.consumer = reached.consumer)
        order by 2 desc";
    let lags: Vec<(String, i64)> = sqlx::query_as(lags).bind(names).fetch_all(&installation.writer).await?;
    if lags.len() < names.len() {
        bail!("{} of {} have never run", names.len() - lags.len(), names.len());
    }
    match lags.first() {
        Some((name, lag)) if *lag > MOST_LAG => bail!("{name} is {lag} events behind"),
        Some((name, lag)) => Ok(format!("at most {lag} events behind ({name})")),
        None => Ok("none".to_owned()),
    }
}

async fn publication(installation: &Installation) -> anyhow::Result<String> {
    let head = installation.log.head().await?.position;
    let Publication { position, is_led } = Publication::of(&installation.writer).await?;
    let lag = head.saturating_sub(position);
    if lag > 0 && !is_led {
        bail!("nobody publishes, and {lag} events wait: start `anamnesis publish`");
    }
    if lag > MOST_LAG.cast_unsigned() {
        bail!("{lag} events aren't in Kafka yet");
    }
    let compared = comparison(installation).await?;
    Ok(format!("{lag} events behind{}, {compared}", if is_led { "" } else { ", nobody publishes" }))
}

/// What the publisher found when it last compared Kafka's copy with the log.
async fn comparison(installation: &Installation) -> anyhow::Result<String> {
    let check = "select up_to, findings, first_finding, extract(epoch from clock_timestamp() - checked_at)::bigint from journal.publication_check";
    let check: Option<(i64, i32, Option<String>, i64)> = sqlx::query_as(check).fetch_optional(&installation.writer).await?;
    match check {
        Some((up_to, 0, _, age_s)) => Ok(format!("compared with the log up to {up_to}, {age_s} s ago")),
        Some((up_to, findings, first, age_s)) => bail!(
            "Kafka's copy isn't the log in {findings} places up to {up_to}, as of {age_s} s ago; the first: {}. `verify --kafka` tells all",
            first.unwrap_or_default()
        ),
        None => Ok("not compared with the log yet".to_owned()),
    }
}

async fn cluster(kafka: &KafkaSettings) -> anyhow::Result<String> {
    let Cluster { brokers, missing, drift } = examine_cluster(kafka).await.context("ask Kafka")?;
    if !missing.is_empty() {
        bail!("{} missing: `anamnesis publish` makes them", missing.join(", "));
    }
    match drift.as_slice() {
        [] => Ok(format!("{brokers} brokers, all topics as they should be")),
        [first, ..] => bail!("{first} ({} such settings)", drift.len()),
    }
}

/// Without it publishing goes on under the ids that are known; who decodes by id needs it. With schemas that don't fit,
/// nothing is published.
async fn registry(kafka: &KafkaSettings, installation: &Installation) -> Finding {
    let (state, detail) = match examine_registry(kafka, &installation.writer).await {
        Ok(Some(true)) => ("ok", "knows our schemas".to_owned()),
        Ok(Some(false)) => ("warning", "has forgotten our schemas: the publisher registers them again".to_owned()),
        Ok(None) => ("warning", "doesn't have all schemas of this build yet: `anamnesis publish` registers them".to_owned()),
        Err(error) => {
            let is_away = matches!(error, RegistryError::Unavailable { .. } | RegistryError::Database(_));
            (if is_away { "warning" } else { "bad" }, format!("{:#}", anyhow::Error::from(error)))
        }
    };
    Finding { check: "registry", state, detail }
}

async fn projections(installation: &Installation) -> anyhow::Result<String> {
    behind(installation, &anamnesis_projections::names()).await
}

/// Whether what is written comes through to every read model in time.
async fn canary(installation: &Installation, may_be: Duration) -> anyhow::Result<String> {
    let led = "select expires_at > clock_timestamp() from journal.head";
    if !sqlx::query_scalar(led).fetch_one(&installation.writer).await? {
        return Ok("nobody leads the log, so none is written".to_owned());
    }
    let reached = standings(&installation.writer).await?.iter().map(|standing| standing.position).min().unwrap_or_default();
    let since = async |position| installation.log.since_last_of(System::TYPE, CANARY, position).await;
    match (since(reached.cast_unsigned()).await?, since(installation.log.head().await?.position).await?) {
        (Some(through), _) if through <= may_be => Ok(format!("the last came through {} s ago", through.as_secs())),
        (None, None) => Ok("none was written yet".to_owned()),
        (None, Some(written)) if written <= may_be => Ok("one is on its way".to_owned()),
        (Some(through), _) => bail!("none has come through for {} s: the lines above and the lags say where they stay", through.as_secs()),
        (None, Some(_)) => bail!("none has come through: the lines above and the lags say where they stay"),
    }
}

/// What is shown of a parked stream is older than it seems: somebody must look.
async fn parked(installation: &Installation) -> anyhow::Result<String> {
    let sql =
        "select consumer, count(*), bool_or(stands_still) from journal.parked group by consumer order by bool_or(stands_still) desc, count(*) desc";
    let parked: Vec<(String, i64, bool)> = sqlx::query_as(sql).fetch_all(&installation.writer).await?;
    if parked.is_empty() {
        return Ok("nothing".to_owned());
    }
    let told: Vec<_> = parked
        .iter()
        .map(
            |(name, streams, stands_still)| {
                if *stands_still { format!("{name} stands still") } else { format!("{name} has parked {streams} streams") }
            },
        )
        .collect();
    bail!("{}: `anamnesis projection park list` says why", told.join(", "))
}

/// Nobody outside was told what they were to be told.
async fn reactors(installation: &Installation) -> anyhow::Result<String> {
    let listed = outbox::list(&installation.writer).await.context("look how far the reactors are")?;
    if let Some(late) = listed.iter().find(|reactor| reactor.behind > MOST_LAG) {
        bail!("{} is {} events behind: does `anamnesis project` run, and with its settings?", late.reactor, late.behind);
    }
    if let Some(vain) = listed.iter().find(|reactor| reactor.given_up > 0) {
        bail!("{} has given up {} effects: `anamnesis reactor outbox` says why", vain.reactor, vain.given_up);
    }
    let waiting: i64 = listed.iter().map(|reactor| reactor.waiting).sum();
    Ok(if listed.is_empty() { "none".to_owned() } else { format!("{waiting} effects to be had") })
}

/// Without it all goes on, more slowly.
async fn cache(installation: &Installation) -> Finding {
    let (state, detail) = match installation.cache.health().await {
        Health { kind: "memory", .. } => ("ok", "in the memory of each process"),
        Health { is_well: true, .. } => ("ok", "Redis answers"),
        Health { .. } => ("warning", "Redis doesn't answer: everything is computed anew, and each process counts requests for itself"),
    };
    Finding { check: "cache", state, detail: detail.to_owned() }
}

async fn clock(installation: &Installation) -> anyhow::Result<String> {
    let theirs: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()").fetch_one(&installation.writer).await?;
    let skew = (Utc::now() - theirs).abs().to_std().unwrap_or_default();
    if skew > MOST_CLOCK_SKEW {
        bail!("this machine's clock and the database's differ by {} s", skew.as_secs());
    }
    Ok(format!("the database's differs by {} ms", skew.as_millis()))
}

/// Free space, as `df` tells it: std has no way to ask.
fn disk(config: &Config) -> anyhow::Result<String> {
    let asked = std::process::Command::new("df").args(["--output=avail,pcent", "-B1"]).arg(&config.data_dir).output().context("run df")?;
    let text = String::from_utf8_lossy(&asked.stdout);
    let mut words = text.lines().nth(1).unwrap_or_default().split_whitespace();
    let free: u64 = words.next().and_then(|word| word.parse().ok()).context("df told nothing")?;
    if free < 1 << 30 {
        bail!("less than 1 GiB is free in {}", config.data_dir.display());
    }
    Ok(format!("{} GiB free", free >> 30))
}
