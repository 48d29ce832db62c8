//! `anamnesis verify`

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anamnesis_journal::tree::SignedCheckpoint;
use anamnesis_journal::verify::{Depth, Finding, Report, Trust, verify};
use anamnesis_stream::{KafkaReport, Scope, verify_kafka};
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
    /// What Kafka has, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    kafka: Option<ToldKafka>,
}

#[derive(Serialize)]
struct ToldKafka {
    sound: bool,
    /// Up to this position everything had been published, and was looked at.
    up_to: u64,
    unpublished: u64,
    records: u64,
    /// Positions that Kafka has forgotten and nobody had proved, by partition.
    forgotten_unproved: BTreeMap<String, u64>,
    findings: Vec<ToldRecord>,
}

#[derive(Serialize)]
struct ToldRecord {
    topic_partition: String,
    offset: Option<i64>,
    position: u64,
    what: String,
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
    let kafka = if asked.kafka { Some(config.kafka()?) } else { None };
    let database = Database::existing(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let signer = config.signer()?;
    let mut trust = Trust::in_signer(&signer).context("read the signer's last head")?;
    if let Some(path) = &asked.tree_head {
        let note = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        trust.heads.push(SignedCheckpoint::open(&note, &trust.key).with_context(|| format!("{} is no head of this log", path.display()))?);
    }
    let report = verify(&installation.owner, &trust, Depth::Full, &|_, _| {}).await.context("read the journal")?;
    let mut told = Told::of(&report);
    if let Some(kafka) = kafka {
        let pool = installation.writer.clone();
        let report = verify_kafka(kafka, pool, &installation.log, Some(Arc::new(signer)), Scope::Everything).await;
        told.kafka = Some(ToldKafka::of(&report.context("compare Kafka with the log")?));
    }
    output.data(&told, || told.text())?;
    database.close().await?;
    Ok(if told.is_sound() { crate::DONE } else { TAMPERED })
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
            kafka: None,
        }
    }

    fn is_sound(&self) -> bool {
        self.sound && self.kafka.as_ref().is_none_or(|kafka| kafka.sound)
    }

    fn text(&self) -> String {
        let kafka = self.kafka.as_ref().map(|kafka| format!("\n{}", kafka.text())).unwrap_or_default();
        self.log_text() + &kafka
    }

    fn log_text(&self) -> String {
        let counts = format!("{} entries, {} events, {} streams\nsize {}, root {}", self.entries, self.events, self.streams, self.size, self.root);
        if self.sound {
            return format!("verified: nothing is missing, added or altered\n{counts}");
        }
        let findings: Vec<_> = self.findings.iter().map(ToldFinding::text).collect();
        format!("NOT as it was written:\n{}\n{counts}", findings.join("\n"))
    }
}

impl ToldKafka {
    fn of(report: &KafkaReport) -> Self {
        let forgotten = report.forgotten_unproved.iter().map(|(partition, position)| (partition.to_string(), *position));
        Self {
            sound: report.is_sound(),
            up_to: report.up_to,
            unpublished: report.unpublished,
            records: report.records,
            forgotten_unproved: forgotten.collect(),
            findings: report.findings.iter().map(ToldRecord::of).collect(),
        }
    }

    fn text(&self) -> String {
        let counts = format!("{} records up to position {}, {} events not published yet", self.records, self.up_to, self.unpublished);
        let forgotten = |(partition, position): (&String, &u64)| format!("\n  {partition} has forgotten up to position {position}, unproved");
        let forgotten = self.forgotten_unproved.iter().map(forgotten).collect::<Vec<_>>().concat();
        if self.sound {
            return format!("Kafka: nothing is missing, doubled, altered or out of order\n{counts}{forgotten}");
        }
        let findings: Vec<_> = self.findings.iter().map(ToldRecord::text).collect();
        format!("Kafka is NOT the log:\n{}\n{counts}{forgotten}", findings.join("\n"))
    }
}

impl ToldRecord {
    fn of(finding: &anamnesis_stream::Finding) -> Self {
        let (topic_partition, what) = (finding.partition.to_string(), finding.fault.to_string());
        Self { topic_partition, offset: finding.offset, position: finding.position, what }
    }

    fn text(&self) -> String {
        let offset = self.offset.map(|offset| format!(", offset {offset}")).unwrap_or_default();
        format!("  position {} ({}{offset}): {}", self.position, self.topic_partition, self.what)
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
