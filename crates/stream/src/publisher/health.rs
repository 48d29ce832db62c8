//! How is the publisher?

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::cluster::Drift;
use crate::verify::{Finding, KafkaReport, VerifyKafkaError};

/// The way to a running publisher. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PublisherHandle {
    health: watch::Receiver<PublisherHealth>,
}

impl PublisherHandle {
    pub(super) fn new(health: watch::Receiver<PublisherHealth>) -> Self {
        Self { health }
    }

    /// How it is.
    pub fn health(&self) -> PublisherHealth {
        self.health.borrow().clone()
    }

    /// Waits until this publisher has published up to a position; false when the time passed before.
    pub async fn published(&self, position: u64, within: Duration) -> bool {
        let mut health = self.health.clone();
        let reached = timeout(within, health.wait_for(|health| health.position >= position)).await;
        reached.is_ok_and(|waited| waited.is_ok())
    }
}

/// How a publisher is.
#[derive(Clone, Debug, Default)]
pub struct PublisherHealth {
    /// What it does.
    pub state: PublisherState,
    /// Every event up to here is in Kafka, as far as this process has seen it.
    pub position: u64,
    /// When it last published, or found nothing to publish.
    pub last_success: Option<Instant>,
    /// Failed attempts since then.
    pub failures: u32,
    /// Why it isn't publishing, if it should.
    pub problem: Option<String>,
    /// Why the registry can't be asked, while publishing goes on without it.
    pub registry_problem: Option<String>,
    /// Topics that aren't made as they should be.
    pub drift: Vec<Drift>,
    /// How the last comparison of Kafka's copy with the log came out, if this publisher has made one. Publishing goes on
    /// whatever it found: `docs/decisions/0009-kafkas-copy.md`.
    pub comparison: Option<Comparison>,
    /// Why the two couldn't be compared the last time.
    pub comparison_problem: Option<String>,
}

/// A comparison of Kafka's copy with the log.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// When it ended.
    pub at: Instant,
    /// Up to here everything was looked at.
    pub up_to: u64,
    /// How much is wrong; 0 when Kafka's copy is good.
    pub findings: usize,
    /// The finding with the lowest position.
    pub first: Option<Finding>,
}

impl Comparison {
    pub(super) fn of(report: &KafkaReport) -> Self {
        Self { at: Instant::now(), up_to: report.up_to, findings: report.findings.len(), first: report.findings.first().cloned() }
    }
}

/// What a publisher does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PublisherState {
    /// It has just begun.
    #[default]
    Starting,
    /// Another process publishes; it waits for its turn.
    StandingBy,
    /// It publishes.
    Publishing,
    /// It can't, and tries again.
    Failing,
}

impl PublisherHealth {
    pub(super) fn stood_by(&mut self) {
        self.state = PublisherState::StandingBy;
        self.failures = 0;
        self.problem = None;
    }

    pub(super) fn reached(&mut self, position: u64) {
        self.state = PublisherState::Publishing;
        self.position = position;
        self.last_success = Some(Instant::now());
        self.failures = 0;
        self.problem = None;
    }

    pub(super) fn failed(&mut self, error: &dyn Error) {
        self.state = PublisherState::Failing;
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(with_sources(error));
    }

    pub(super) fn compared(&mut self, outcome: &Result<Comparison, VerifyKafkaError>) {
        self.comparison_problem = outcome.as_ref().err().map(|error| with_sources(error));
        if let Ok(comparison) = outcome {
            self.comparison = Some(comparison.clone());
        }
    }

    pub(super) fn asked_registry(&mut self, outcome: Result<(), &dyn Error>) {
        self.registry_problem = outcome.err().map(with_sources);
    }
}

fn with_sources(error: &dyn Error) -> String {
    std::iter::successors(Some(error), |error| (*error).source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
