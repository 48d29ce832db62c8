//! `anamnesis verify`

use std::fs;

use anamnesis_journal::tree::SignedCheckpoint;
use anamnesis_journal::verify::{Depth, Finding, Report, Trust, verify};
use anyhow::Context;
use serde::Serialize;
use uuid::Uuid;

use crate::TAMPERED;
use crate::cli::Verify;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;

/// What was found, for programs.
#[derive(Serialize)]
struct Told {
    sound: bool,
    size: u64,
    root: String,
    entries: u64,
    events: u64,
    streams: u64,
    findings: Vec<ToldFinding>,
}

#[derive(Serialize)]
struct ToldFinding {
    position: Option<u64>,
    aggregate_type: Option<String>,
    aggregate_id: Option<Uuid>,
    sequence: Option<u64>,
    what: String,
}

/// Recomputes everything; 3 if something isn't as it was written.
pub(crate) async fn run(config: &Config, asked: Verify, output: Output) -> anyhow::Result<u8> {
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let signer = config.signer()?;
    let mut trust = Trust::in_signer(&signer).context("read the signer's last head")?;
    if let Some(path) = &asked.tree_head {
        let note = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        trust.heads.push(SignedCheckpoint::open(&note, &trust.key).with_context(|| format!("{} is no head of this log", path.display()))?);
    }
    let report = verify(&installation.owner, &trust, Depth::Full, &|_, _| {}).await.context("read the journal")?;
    let told = Told::of(&report);
    output.data(&told, || told.text())?;
    database.close().await?;
    Ok(if report.is_sound() { crate::DONE } else { TAMPERED })
}

impl Told {
    fn of(report: &Report) -> Self {
        Self {
            sound: report.is_sound(),
            size: report.head.size,
            root: report.head.root.to_string(),
            entries: report.entries,
            events: report.events,
            streams: report.streams,
            findings: report.findings.iter().map(ToldFinding::of).collect(),
        }
    }

    fn text(&self) -> String {
        let counts = format!("{} entries, {} events, {} streams\nsize {}, root {}", self.entries, self.events, self.streams, self.size, self.root);
        if self.sound {
            return format!("verified: nothing is missing, added or altered\n{counts}");
        }
        let findings: Vec<_> = self.findings.iter().map(ToldFinding::text).collect();
        format!("NOT as it was written:\n{}\n{counts}", findings.join("\n"))
    }
}

impl ToldFinding {
    fn of(finding: &Finding) -> Self {
        Self {
            position: finding.position,
            aggregate_type: finding.stream.as_ref().map(|(aggregate, _)| aggregate.clone()),
            aggregate_id: finding.stream.as_ref().map(|(_, id)| *id),
            sequence: finding.sequence,
            what: finding.what.clone(),
        }
    }

    fn text(&self) -> String {
        let place = self.position.map_or_else(|| "not in the log".to_owned(), |position| format!("position {position}"));
        let stream = match (&self.aggregate_type, self.aggregate_id, self.sequence) {
            (Some(aggregate), Some(id), Some(sequence)) => format!(" ({aggregate}/{id}@{sequence})"),
            (Some(aggregate), Some(id), None) => format!(" ({aggregate}/{id})"),
            _ => String::new(),
        };
        format!("  {place}{stream}: {}", self.what)
    }
}
