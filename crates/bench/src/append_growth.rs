//! Does the journal take commands as fast when it is large?

use anyhow::Result;

use crate::harness::Bench;
use crate::patients;
use crate::sealed::SealedJournal;
use crate::server::Server;

const LARGE: &str = "new patients, 64 at a time, in a large journal";
const SMALL: &str = "new patients, 64 at a time, in a small journal";
/// How many events the small one has.
const FEW_EVENTS: u32 = 10_000;
const CALLERS: usize = 64;

/// Prints and writes the comparison, with so many events in the large one.
pub(crate) async fn run(server: &Server, rounds: usize, events: u32) -> Result<()> {
    let large = &with_events(server, events).await?;
    let bench = Bench::new("append-growth", "events/s", server, rounds)?
        .side(LARGE, || large.register(CALLERS))
        // one that was measured is small no more
        .side(SMALL, || async { with_events(server, FEW_EVENTS).await?.register(CALLERS).await });
    let mut report = bench.run().await?;
    report.note("few_events", FEW_EVENTS.into());
    report.note("many_events", events.into());
    report.ratio_at_least("ratio_growth", LARGE, SMALL, 0.9)?;
    report.write()
}

async fn with_events(server: &Server, events: u32) -> Result<SealedJournal> {
    let journal = SealedJournal::new(server).await?;
    patients::write(&journal.installation, events).await?;
    // as autovacuum would in a while; and what was written for it is paid for before anything is measured
    sqlx::raw_sql("vacuum (analyze)").execute(&journal.installation.database.superuser(1).await?).await?;
    server.settle().await?;
    Ok(journal)
}
