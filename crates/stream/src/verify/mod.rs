//! Is Kafka's copy the log: nothing missing, doubled, altered or out of order?
//!
//! From the first record that each partition still has to the last that was published, every record is compared with
//! the leaf that the log has at its position. What was proved is signed, so that Kafka may forget it.

mod partition;
mod statement;

use std::collections::BTreeMap;
use std::sync::Arc;

use anamnesis_journal::log::{Log, LogError};
use anamnesis_journal::tree::{NoteError, Signer};
use rdkafka::error::KafkaError;
use sqlx::PgPool;

use partition::{Checker, Expected};
use statement::Statement;

use crate::reader::Reader;
use crate::record::RecordError;
use crate::settings::KafkaSettings;
use crate::store::Store;
use crate::topics::TopicPartition;

/// Places of the log compared at a time.
const PLACES_AT_ONCE: u32 = 50_000;
/// Findings told; the verification goes on after them, but only to count.
const MOST_FINDINGS: usize = 1_000;

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Everything that Kafka still has.
    Everything,
    /// What came after the last signed statement.
    SinceStatement,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct KafkaReport {
    /// Up to here everything had been published when this began, and was looked at.
    pub up_to: u64,
    /// Events in the log after that.
    pub unpublished: u64,
    /// Records compared with the log.
    pub records: u64,
    /// Partitions whose beginning Kafka has forgotten before anybody proved it: the last position forgotten in each.
    pub forgotten_unproved: BTreeMap<TopicPartition, u64>,
    /// What is wrong, by position; empty when Kafka's copy is good. At most a thousand.
    pub findings: Vec<Finding>,
    /// The signed statement of what is proved; none if anything is wrong, or without a signer.
    pub statement: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{partition}, {}position {position}: {fault}", offset.map(|offset| format!("offset {offset}, ")).unwrap_or_default())]
pub struct Finding {
    /// Where.
    pub partition: TopicPartition,
    /// The record's offset; none if there is no record.
    pub offset: Option<i64>,
    /// The position in the log.
    pub position: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// A way in which Kafka's copy isn't the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The event isn't in its partition.
    #[error("the event is missing")]
    Missing,
    /// The record is there a second time.
    #[error("the record is there twice")]
    Doubled,
    /// The record comes after one with a higher position.
    #[error("the record is out of order")]
    OutOfOrder,
    /// The log has no such event in this partition.
    #[error("the record is of no event that belongs here")]
    NotOfTheLog,
    /// The record isn't what was published.
    #[error("the record was altered: {0}")]
    Altered(RecordError),
    /// Content and headers fit together, and aren't the log's.
    #[error("the record was altered: its leaf isn't the log's")]
    OtherLeaf,
    /// The record names another one before it than there is.
    #[error("the record says that it follows position {named}, and it follows {actual}")]
    WrongPrevious {
        /// What it says.
        named: u64,
        /// What is right.
        actual: u64,
    },
    /// The value names a schema of the registry that envelopes aren't written under.
    #[error("the record names the registry's schema {0}, which isn't the envelope's")]
    OtherSchemaId(u32),
}

/// Why Kafka's copy couldn't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyKafkaError {
    /// Kafka doesn't answer, or refuses.
    #[error("Kafka doesn't answer, or refuses")]
    Kafka(#[from] KafkaError),
    /// Postgres doesn't answer, or refuses.
    #[error("the state of the publication can't be read or written")]
    Database(#[from] sqlx::Error),
    /// The log can't be read, or has a gap.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The last statement isn't what was signed.
    #[error("the signed statement about Kafka's copy doesn't hold: journal.publication_statements was altered")]
    Statement(#[from] NoteError),
}

impl KafkaReport {
    /// Whether Kafka's copy is good.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, findings: Vec<Finding>) {
        let room = MOST_FINDINGS.saturating_sub(self.findings.len());
        self.findings.extend(findings.into_iter().take(room));
    }
}

/// Compares Kafka's copy with the log, and signs what is proved if there is a signer and nothing is wrong.
///
/// `pool` may read the publication's rows, and with a signer write a statement. Only this reads whole partitions; what
/// is published meanwhile isn't looked at.
pub async fn verify_kafka(
    settings: &KafkaSettings,
    pool: PgPool,
    log: &Log,
    signer: Option<Arc<Signer>>,
    scope: Scope,
) -> Result<KafkaReport, VerifyKafkaError> {
    let store = Store::new(pool);
    // before Kafka is asked where partitions begin: what is published up to here is there then, or was forgotten
    let published = store.published().await?;
    let proved = match (&signer, store.statement().await?) {
        (Some(signer), Some(note)) => Statement::read(&note, signer.verifying_key())?,
        (None, _) | (_, None) => Statement::default(),
    };
    let head = log.head().await?.position;
    let up_to = published.position.min(head);
    let mut report = KafkaReport { up_to, unpublished: head - up_to, ..KafkaReport::default() };
    let mut reader = Reader::looking_around(settings)?;
    let envelopes: Vec<u32> = envelope_ids(&store).await?;

    let mut checkers = vec![];
    for partition in TopicPartition::all() {
        let tail = published.tails.get(&partition).copied().unwrap_or(0);
        let since = proved.partitions.get(&partition).filter(|_| scope == Scope::SinceStatement);
        let checker = Checker::begin(&mut reader, settings, partition, Expected { up_to, tail, statement: proved.up_to }, since).await?;
        let forgotten = checker.forgotten();
        if forgotten > proved.partitions.get(&partition).map_or(0, |proved| proved.position) {
            report.forgotten_unproved.insert(partition, forgotten);
        }
        checkers.push(checker);
    }
    compare(&mut reader, log, up_to, &envelopes, &mut checkers, &mut report).await?;
    report.findings.sort_by_key(|finding| finding.position);
    if let Some(signer) = signer.filter(|_| report.is_sound()) {
        let statement = Statement { up_to, partitions: checkers.iter().map(|checker| (checker.partition(), checker.proved())).collect() };
        report.statement = sign(&store, &signer, &proved, &statement).await?;
    }
    Ok(report)
}

/// The signature of what is proved. Nothing is signed that doesn't go beyond what was proved before: the same again, or less
/// while a topic that was lost is filled again.
async fn sign(store: &Store, signer: &Signer, before: &Statement, now: &Statement) -> sqlx::Result<Option<String>> {
    if now == before || now.up_to < before.up_to {
        return store.statement().await;
    }
    let note = signer.attest(&now.to_string());
    store.remember_statement(&note).await?;
    Ok(Some(note))
}

async fn envelope_ids(store: &Store) -> sqlx::Result<Vec<u32>> {
    let registered = store.registered().await?;
    let envelopes = registered.into_iter().filter(|schema| schema.subject.ends_with("-value"));
    Ok(envelopes.filter_map(|schema| u32::try_from(schema.schema_id).ok()).collect())
}

/// Reads the log once, window by window, and every partition beside it.
async fn compare(
    reader: &mut Reader,
    log: &Log,
    up_to: u64,
    envelopes: &[u32],
    checkers: &mut [Checker],
    report: &mut KafkaReport,
) -> Result<(), VerifyKafkaError> {
    let mut position = checkers.iter().map(Checker::needs_log_from).min().unwrap_or(up_to);
    while position < up_to {
        let limit = u32::try_from(up_to - position).unwrap_or(u32::MAX).min(PLACES_AT_ONCE);
        let places = log.places_after(position, limit).await?;
        let Some(last) = places.last() else { return Err(LogError::Gap { expected: position + 1 }.into()) };
        position = last.position;
        for place in &places {
            let partition = TopicPartition::of(&place.aggregate_type, place.aggregate_id);
            if let Some(checker) = checkers.iter_mut().find(|checker| Some(checker.partition()) == partition) {
                checker.expect(place.position, place.leaf);
            }
        }
        for checker in checkers.iter_mut() {
            report.add(checker.check(reader, envelopes).await?);
        }
    }
    for checker in checkers.iter_mut() {
        report.add(checker.finish(reader, envelopes).await?);
        report.records += checker.records();
    }
    Ok(())
}
