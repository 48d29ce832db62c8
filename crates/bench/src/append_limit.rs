//! How far is the journal from what the table itself can take?

use anyhow::Result;

use crate::by_hand_append::BareTable;
use crate::harness::Bench;
use crate::sealed::SealedJournal;
use crate::server::Server;

const OURS: &str = "journal, new patients, 64 at a time";
const OURS_256: &str = "journal, new patients, 256 at a time";
const BARE: &str = "rows by hand, 100 in a statement, 8 connections";

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let ours = &SealedJournal::new(server).await?;
    // the rows to copy
    ours.register(64).await?;
    let bare = &BareTable::like(server, &ours.installation).await?;
    let bench = Bench::new("append-limit", "events/s", server, rounds)?
        .side(OURS, || ours.register(64))
        .side(OURS_256, || ours.register(256))
        .side(BARE, || bare.fill());
    let mut report = bench.run().await?;
    report.ratio_at_least("ratio_64", OURS, BARE, 0.12)?;
    report.ratio_at_least("ratio_256", OURS_256, BARE, 0.2)?;
    report.write()
}
