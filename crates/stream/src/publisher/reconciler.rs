//! Does what is in Kafka stay what was published, while publishing goes on?
//!
//! A finding is told and remembered, and stops nothing: docs/decisions/0009-kafkas-copy.md.

use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::log::Log;
use anamnesis_journal::tree::Signer;
use anamnesis_loops::{Loops, Pulse, Running};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::{Comparison, Publisher, PublisherHealth};
use crate::settings::KafkaSettings;
use crate::store::Store;
use crate::verify::{Finding, KafkaReport, Scope, VerifyKafkaError, verify_kafka};

/// Findings that are logged one by one.
const TOLD_ONE_BY_ONE: usize = 20;

/// How long a comparison may take: the first one is of everything.
const LONGEST_COMPARISON: Duration = Duration::from_hours(1);

/// Compares Kafka's copy with the log now and then, as long as one publisher leads.
pub(super) struct Reconciler {
    epoch: i64,
    every: Duration,
    kafka: KafkaSettings,
    pool: PgPool,
    store: Store,
    log: Log,
    signer: Arc<Signer>,
    health: watch::Sender<PublisherHealth>,
    loops: Loops,
}

impl Reconciler {
    /// None without a signer, or where it isn't wanted.
    pub(super) fn of(epoch: i64, publisher: &Publisher) -> Option<Self> {
        let Publisher { pool, store, log, signer, kafka, settings: _, health, loops, pulse: _ } = publisher;
        let every = Some(kafka.verify_every_ms).filter(|every| *every > 0).map(Duration::from_millis)?;
        let (kafka, pool, store, log, health, loops) = (kafka.clone(), pool.clone(), store.clone(), log.clone(), health.clone(), loops.clone());
        Some(Self { epoch, every, kafka, pool, store, log, signer: Arc::clone(signer.as_ref()?), health, loops })
    }

    /// In a task of its own, for it computes hashes; ends when what is returned is dropped.
    pub(super) fn start(self) -> Running {
        let loops = self.loops.clone();
        loops.spawn("reconciler", self.every + LONGEST_COMPARISON, |pulse| self.run(pulse))
    }

    async fn run(self, pulse: Pulse) {
        let mut told = vec![];
        loop {
            pulse.while_waiting(sleep(self.every)).await;
            let compared = self.compare(&mut told).await;
            if let Err(error) = &compared {
                warn!(error = error as &dyn std::error::Error, "Kafka's copy couldn't be compared with the log: trying again");
            }
            self.health.send_modify(|health| health.compared(&compared));
        }
    }

    async fn compare(&self, told: &mut Vec<Finding>) -> Result<Comparison, VerifyKafkaError> {
        let signer = Some(Arc::clone(&self.signer));
        let report = verify_kafka(&self.kafka, self.pool.clone(), &self.log, signer, Scope::SinceStatement).await?;
        // what is wrong stays wrong until somebody acts: it is logged once
        if report.findings != *told {
            tell(&report);
        }
        let comparison = Comparison::of(&report);
        let first = comparison.first.as_ref().map(ToString::to_string);
        self.store.remember_check(self.epoch, comparison.up_to, comparison.findings, first).await?;
        *told = report.findings;
        Ok(comparison)
    }
}

fn tell(report: &KafkaReport) {
    for finding in report.findings.iter().take(TOLD_ONE_BY_ONE) {
        error!(position = finding.position, "Kafka's copy isn't the log: {finding}");
    }
    if report.findings.len() > TOLD_ONE_BY_ONE {
        error!(findings = report.findings.len(), "Kafka's copy differs from the log in {} places: see `verify --kafka`", report.findings.len());
    }
}
