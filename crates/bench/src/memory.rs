//! How much memory does all of it take, at rest and under load?
//!
//! `anamnesis up` in a process of its own, with a Postgres of its own and no Kafka: everything that it is by itself, read models included.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::sleep;

use crate::client::Clients;
use crate::harness::Report;
use crate::program::Program;
use crate::server::Server;

/// In MB: what is resident at rest, and the most that ever was under load.
const CEILING_AT_REST: f64 = 120.0;
const CEILING_UNDER_LOAD: f64 = 300.0;
/// At rest for so long since it serves.
const REST: Duration = Duration::from_secs(20);
const CALLERS: usize = 64;
/// Of four seconds each.
const ROUNDS_OF_LOAD: usize = 5;

/// Prints and writes it.
pub(crate) async fn run(server: &Server) -> Result<()> {
    let mut report = Report::of_figures("memory", "MB", server);
    let program = Program::start("up", Vec::new()).await?;
    sleep(REST).await;
    let (rest, postgres) = (program.memory()?, program.postgres_memory()?);
    report.at_most("at_rest", rest.now, CEILING_AT_REST);
    println!("  (peak on the way there {:.1}; its Postgres {postgres:.1})", rest.peak);
    report.note("at_rest_beside", json!({ "peak": rest.peak, "postgres": postgres }));

    let clients = Clients::of(&program, CALLERS).await?;
    let mut rates = Vec::with_capacity(ROUNDS_OF_LOAD);
    for _ in 0..ROUNDS_OF_LOAD {
        rates.push(clients.register().await?);
    }
    let (load, postgres) = (program.memory()?, program.postgres_memory()?);
    report.at_most("under_load", load.peak, CEILING_UNDER_LOAD);
    println!("  (at its end {:.1}; its Postgres {postgres:.1}; {rates:.0?} commands/s)", load.now);
    report.note("under_load_beside", json!({ "at_its_end": load.now, "postgres": postgres, "commands_a_second": rates }));
    report.write()
}
