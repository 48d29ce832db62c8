//! How much of the journal's speed is left over HTTP?
//!
//! Both sides register the same new patients, 64 at a time, on databases of their own, while a sequencer in this process gives the
//! events their positions; nobody builds read models. Over HTTP they go to the program in a process of its own (`anamnesis serve`, all its
//! settings as they come): each caller has an account, a session and a connection, and each answer waits for its position.

use std::cell::RefCell;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::client::Clients;
use crate::harness::{Bench, median};
use crate::program::{Program, processor_seconds};
use crate::sealed::{SealedJournal, while_sequencing};
use crate::server::{CONNECTIONS, Database, Server};

const OVER_HTTP: &str = "over HTTP, 64 at a time";
const STRAIGHT: &str = "straight into the journal, 64 at a time";
const CALLERS: usize = 64;

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let (edge, journal) = (&Edge::start(server).await?, &SealedJournal::new(server).await?);
    let bench = Bench::new("http", "commands/s", server, rounds)?
        .side(OVER_HTTP, || edge.register())
        .side(STRAIGHT, || journal.register_while_sequencing(CALLERS));
    let mut report = bench.run().await?;
    report.ratio_at_least("ratio_http", OVER_HTTP, STRAIGHT, 0.4)?;
    let busy = edge.busy.borrow();
    let [program, client] = [0, 1].map(|who| middle(busy.iter().map(|both| both[who])));
    println!("  over HTTP the program kept {program:.2} cores busy, the clients and the sequencer {client:.2}");
    report.note("busy_cores", json!({ "program": program, "clients_and_sequencer": client }));
    report.write()
}

/// The program's edge, on a database that it serves alone.
struct Edge {
    program: Program,
    database: Database,
    clients: Clients,
    /// By round: how many cores the program and this process kept busy.
    busy: RefCell<Vec<[f64; 2]>>,
}

impl Edge {
    async fn start(server: &Server) -> Result<Self> {
        let database = server.database().await?;
        // as many as the journal of the other side
        let settings = vec![("ANAMNESIS_DATABASE_URL", database.url()), ("ANAMNESIS_DATABASE_CONNECTIONS", CONNECTIONS.to_string())];
        let program = Program::start("serve", settings).await?;
        let clients = while_sequencing(&database, Clients::of(&program, CALLERS)).await?;
        Ok(Self { program, database, clients, busy: RefCell::default() })
    }

    async fn register(&self) -> Result<f64> {
        let (began, before) = (Instant::now(), self.processor_seconds()?);
        let rate = while_sequencing(&self.database, self.clients.register()).await?;
        let (took, after) = (began.elapsed().as_secs_f64(), self.processor_seconds()?);
        self.busy.borrow_mut().push([0, 1].map(|who| (after[who] - before[who]) / took));
        Ok(rate)
    }

    fn processor_seconds(&self) -> Result<[f64; 2]> {
        Ok([self.program.processor_seconds()?, processor_seconds("self")?])
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    median(&values)
}
