//! How many commands a second does the journal take, compared with plain postgres-es?

use anamnesis_domain::Aggregate;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::record::Record;
use anyhow::Result;
use uuid::Uuid;

use crate::harness::{Bench, commands_a_second};
use crate::plain::{PlainDatabase, PlainStore};
use crate::sealed::SealedJournal;
use crate::server::Server;
use crate::stories::Stories;

const OURS: &str = "journal, new patients, 64 at a time";
const OURS_256: &str = "journal, new patients, 256 at a time";
const OURS_SEQUENCED: &str = "journal, new patients, 64 at a time, sequencer running";
const OURS_KNOWN: &str = "journal, results of known patients, 64 at a time";
const PLAIN: &str = "postgres-es, new patients, 64 at a time";
const PLAIN_256: &str = "postgres-es, new patients, 256 at a time";
const PLAIN_WIDE: &str = "postgres-es with 64 connections, new patients, 64 at a time";
const PLAIN_KNOWN: &str = "postgres-es, results of known patients, 64 at a time";

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let (ours, sequenced, plain) = (SealedJournal::new(server).await?, SealedJournal::new(server).await?, PlainDatabase::new(server).await?);
    let (ours, sequenced, stories) = (&ours, &sequenced, &Stories::new()?);
    let (patients, wide, records) = (plain.store::<Patient>(), plain.wide_store::<Patient>(), plain.store::<Record>());
    let register = |store: PlainStore<Patient>, callers| {
        let stories = stories.clone();
        execute(store, callers, move |id| stories.register(id))
    };
    let record = || {
        let stories = stories.clone();
        execute(records.clone(), 64, move |id| Ok(stories.record(id)))
    };
    let bench = Bench::new("append", "commands/s", server, rounds)?
        .side(OURS, || ours.register(64))
        .side(PLAIN, || register(patients.clone(), 64))
        .side(OURS_256, || ours.register(256))
        .side(PLAIN_256, || register(patients.clone(), 256))
        .side(OURS_KNOWN, || ours.record(64))
        .side(PLAIN_KNOWN, record)
        .side(OURS_SEQUENCED, || sequenced.register_while_sequencing(64))
        .side(PLAIN_WIDE, || register(wide.clone(), 64));
    let mut report = bench.run().await?;
    report.ratio_at_least("ratio_postgres_es", OURS, PLAIN, 3.0)?;
    report.ratio("ratio_256", OURS_256, PLAIN_256)?;
    report.ratio("ratio_known_patients", OURS_KNOWN, PLAIN_KNOWN)?;
    report.ratio("ratio_sequenced", OURS_SEQUENCED, PLAIN)?;
    report.ratio("ratio_wide_pool", OURS, PLAIN_WIDE)?;
    report.write()
}

/// Commands a second that plain postgres-es executes.
pub(crate) async fn execute<A: Aggregate>(
    store: PlainStore<A>,
    callers: usize,
    command: impl Fn(Uuid) -> Result<A::Command> + Clone + Send + 'static,
) -> Result<f64> {
    commands_a_second(callers, move || {
        let (store, command) = (store.clone(), command.clone());
        async move {
            let id = Uuid::now_v7();
            store.execute(id, command(id)?).await
        }
    })
    .await
}
