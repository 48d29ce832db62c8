//! What does it cost to tell of a patient as they were, beside reading what happened to them, and does it matter how much
//! happened to others?

use std::io::{BufWriter, sink};
use std::sync::Arc;

use anamnesis_domain::patient::Patient;
use anamnesis_journal::log::Log;
use anamnesis_journal::{Role, pool_as};
use anamnesis_projector::history::History;
use anamnesis_vault::Vault;
use anyhow::{Result, ensure};
use futures::future::try_join;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sqlx::PgPool;
use uuid::Uuid;

use crate::by_hand_history;
use crate::harness::{Bench, commands_a_second};
use crate::patients;
use crate::sealed::{again, clerk};
use crate::server::{Installation, Server, open_vault};
use crate::stories::Stories;

const AS_OF: &str = "as of a position, among others";
const ALONE: &str = "as of a position, nobody else in the journal";
const BY_HAND: &str = "by hand: the same rows selected and opened on all cores";
/// The patient is registered, changed in each of four ways so often…
const CHANGED: u32 = 100;
/// …and has so many results.
const RECORDS: u32 = 9_599;
const EVENTS_OF_PATIENT: u32 = 1 + 4 * CHANGED + RECORDS;
const AT_ONCE: usize = 16;
const CONNECTIONS: u32 = 4;

/// Prints and writes the comparison; so many events tell of others.
pub(crate) async fn run(server: &Server, rounds: usize, events: u32) -> Result<()> {
    let (among, alone) = (&Told::new(server, events).await?, &Told::new(server, 0).await?);
    let bench = Bench::new("history", "events/s", server, rounds)?
        .side(AS_OF, || among.as_of())
        .side(ALONE, || alone.as_of())
        .side(BY_HAND, || among.by_hand());
    let mut report = bench.run().await?;
    report.note("events", EVENTS_OF_PATIENT.into());
    report.note("events_of_others", events.into());
    report.ratio("ratio_journal_size", AS_OF, ALONE)?;
    report.ratio_at_least("ratio_by_hand", AS_OF, BY_HAND, 0.7)?;
    report.write()
}

/// A patient to whom much has happened.
struct Told {
    patient: Uuid,
    pool: PgPool,
    vault: Vault,
    history: History,
    head: u64,
    _installation: Installation,
}

impl Told {
    /// One of whom so many events of others stand between.
    async fn new(server: &Server, events_of_others: u32) -> Result<Self> {
        let (installation, patient, caller) = (Installation::new(server).await?, Uuid::now_v7(), clerk());
        let others = patients::append(&installation, events_of_others / patients::EVENTS_OF_A_PATIENT, 0);
        try_join(others, live(&installation, patient, &caller)).await?;
        patients::sequence(&installation).await?;
        let pool = pool_as(&installation.database.url(), Role::Projector, CONNECTIONS)?;
        let vault = open_vault(pool_as(&installation.database.url(), Role::Writer, CONNECTIONS)?, installation.keyring.path()).await?;
        let log = Log::new(pool.clone());
        let head = log.head().await?.position;
        let history = History::new(log, vault.clone(), caller.organization_id);
        Ok(Self { patient, pool, vault, history, head, _installation: installation })
    }

    async fn as_of(&self) -> Result<f64> {
        let (history, patient, head) = (self.history.clone(), self.patient, self.head);
        events_a_second(move || {
            let history = history.clone();
            async move {
                let record = history.record_of(patient, head).await?;
                let (records, conditions) = (record.records.iter().len(), record.conditions.iter().len());
                ensure!(records == RECORDS as usize && conditions == CHANGED as usize, "something is missing");
                serde_json::to_writer(BufWriter::new(sink()), &record)?;
                Ok(EVENTS_OF_PATIENT as usize)
            }
        })
        .await
    }

    async fn by_hand(&self) -> Result<f64> {
        let (pool, vault, patient) = (self.pool.clone(), self.vault.clone(), self.patient);
        events_a_second(move || {
            let (pool, vault) = (pool.clone(), vault.clone());
            async move { by_hand_history::opened(&pool, &vault, patient).await }
        })
        .await
    }
}

/// Everything that happens to the patient.
async fn live(installation: &Installation, patient: Uuid, caller: &anamnesis_journal::Caller) -> Result<()> {
    let (journal, stories) = (&installation.journal, &Stories::new()?);
    journal.create::<Patient>(patient, stories.register(patient)?, &again(caller)).await?;
    let changing = async {
        for _ in 0..CHANGED {
            patients::change(journal, patient, caller).await?;
        }
        Ok(())
    };
    let recording =
        stream::iter(0..RECORDS).map(|_| patients::record(journal, stories, patient, caller, 1)).buffer_unordered(AT_ONCE).try_collect::<()>();
    try_join(changing, recording).await.map(|_| ())
}

/// Of a single reader who reads all events of the patient again and again.
async fn events_a_second<W, F>(work: W) -> Result<f64>
where
    W: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<usize>> + Send + 'static,
{
    let work = Arc::new(work);
    let times = commands_a_second(1, move || {
        let work = Arc::clone(&work);
        async move {
            let events = work().await?;
            ensure!(events == EVENTS_OF_PATIENT as usize, "{events} events, not {EVENTS_OF_PATIENT}");
            Ok(())
        }
    });
    Ok(times.await? * f64::from(EVENTS_OF_PATIENT))
}
