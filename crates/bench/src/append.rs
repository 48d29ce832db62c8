//! How many commands a second does the journal take, compared with plain postgres-es?

use std::sync::Arc;

use anamnesis_domain::patient::{Patient, PatientCommand};
use anyhow::Result;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use crate::harness::{Bench, commands_a_second};
use crate::patients::change_of_contact;
use crate::plain::{PlainDatabase, PlainStore};
use crate::sealed::SealedJournal;
use crate::server::Server;
use crate::stories::{Known, Stories};

const OURS: &str = "journal, new patients, 64 at a time";
const OURS_256: &str = "journal, new patients, 256 at a time";
const OURS_SEQUENCED: &str = "journal, new patients, 64 at a time, sequencer running";
const OURS_KNOWN: &str = "journal, changes of known patients, 64 at a time";
const OURS_KNOWN_256: &str = "journal, changes of known patients, 256 at a time";
const PLAIN: &str = "postgres-es, new patients, 64 at a time";
const PLAIN_256: &str = "postgres-es, new patients, 256 at a time";
const PLAIN_WIDE: &str = "postgres-es with 64 connections, new patients, 64 at a time";
const PLAIN_KNOWN: &str = "postgres-es, changes of known patients, 64 at a time";
const PLAIN_KNOWN_256: &str = "postgres-es, changes of known patients, 256 at a time";

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let (ours, sequenced, plain) = (SealedJournal::with_known(server).await?, SealedJournal::new(server).await?, PlainDatabase::new(server).await?);
    let (ours, sequenced, stories) = (&ours, &sequenced, &Stories::new()?);
    let (patients, wide) = (plain.store::<Patient>(), plain.wide_store::<Patient>());
    let known = &known_to(&patients, stories).await?;
    let register = |store: PlainStore<Patient>, callers| {
        let stories = stories.clone();
        execute(store, callers, move || {
            let id = Uuid::now_v7();
            Ok((id, stories.register(id)?))
        })
    };
    let change = |callers| {
        let known = Arc::clone(known);
        execute(patients.clone(), callers, move || Ok((known.next(), change_of_contact()?)))
    };
    let bench = Bench::new("append", "commands/s", server, rounds)?
        .side(OURS, || ours.register(64))
        .side(PLAIN, || register(patients.clone(), 64))
        .side(OURS_256, || ours.register(256))
        .side(PLAIN_256, || register(patients.clone(), 256))
        .side(OURS_KNOWN, || ours.change(64))
        .side(PLAIN_KNOWN, || change(64))
        .side(OURS_KNOWN_256, || ours.change(256))
        .side(PLAIN_KNOWN_256, || change(256))
        .side(OURS_SEQUENCED, || sequenced.register_while_sequencing(64))
        .side(PLAIN_WIDE, || register(wide.clone(), 64));
    let mut report = bench.run().await?;
    report.ratio("ratio_sequenced", OURS_SEQUENCED, PLAIN)?;
    report.ratio("ratio_wide_pool", OURS, PLAIN_WIDE)?;
    let lower_256 = report.ratio("ratio_new_256", OURS_256, PLAIN_256)?.min(report.ratio("ratio_known_256", OURS_KNOWN_256, PLAIN_KNOWN_256)?);
    report.note("ratio_256", lower_256.into());
    report.at_least(lower_256, 6.0);
    let lower = report.ratio("ratio_new", OURS, PLAIN)?.min(report.ratio("ratio_known", OURS_KNOWN, PLAIN_KNOWN)?);
    report.note("ratio_postgres_es", lower.into());
    report.at_least(lower, 4.0);
    report.write()
}

/// Patients that postgres-es has before anything is measured, as many as the journal has.
async fn known_to(store: &PlainStore<Patient>, stories: &Stories) -> Result<Arc<Known>> {
    let known = Known::new();
    stream::iter(known.all())
        .map(|id| async move { store.execute(*id, stories.register(*id)?).await })
        .buffer_unordered(64)
        .try_collect::<()>()
        .await?;
    Ok(Arc::new(known))
}

/// Commands a second that plain postgres-es executes.
pub(crate) async fn execute(
    store: PlainStore<Patient>,
    callers: usize,
    command: impl Fn() -> Result<(Uuid, PatientCommand)> + Clone + Send + 'static,
) -> Result<f64> {
    commands_a_second(callers, move || {
        let (store, command) = (store.clone(), command());
        async move {
            let (id, command) = command?;
            store.execute(id, command).await
        }
    })
    .await
}
