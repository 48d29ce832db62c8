//! How fast is it, compared with doing the same in another way?
//!
//! `anamnesis-bench [NAME…] [--rounds N] [--events N]` runs one benchmark or all, on a server of its own, and writes what it found to
//! `target/bench/NAME.json`. `--side TEXT` runs only the sides whose names contain it, for a profiler, and concludes nothing. What the figures mean: `docs/performance.md`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

mod append;
mod append_growth;
mod append_limit;
mod append_peers;
mod by_hand_append;
mod by_hand_history;
mod by_hand_rebuild;
mod client;
mod harness;
mod history;
mod http;
mod latency;
mod machine;
mod many_rows;
mod memory;
mod offered;
mod patients;
mod peer;
mod plain;
mod plans;
mod program;
mod project;
mod publish;
mod queries;
mod rebuild;
mod sealed;
mod server;
mod stories;

use anyhow::{Context as _, Result, bail};

use server::Server;

/// As in the program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ALL: [&str; 12] =
    ["append", "append-growth", "append-limit", "append-peers", "history", "http", "latency", "memory", "project", "publish", "queries", "rebuild"];
const ROUNDS: usize = 5;
/// Events that most benchmarks read…
const EVENTS: u32 = 200_000;
/// …those that are in a journal that has grown…
const MANY_EVENTS: u32 = 5_000_000;
/// …and the rows of each table that queries find theirs among.
const ROWS: u32 = 1_000_000;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == rebuild::ONCE
    {
        return rebuild::in_own_process(rest).await;
    }
    let (mut names, mut rounds, mut events, mut side) = (Vec::new(), ROUNDS, None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().context("--rounds takes a number")?.parse()?,
            "--events" => events = Some(arguments.next().context("--events takes a number")?.parse()?),
            "--side" => side = Some(arguments.next().context("--side takes a part of a name")?.clone()),
            name if ALL.contains(&name) => names.push(name),
            other => bail!("there is no benchmark `{other}`, only {}", ALL.join(", ")),
        }
    }
    let server = Server::from_env(side).await?;
    for name in if names.is_empty() { ALL.to_vec() } else { names } {
        match name {
            "append" => append::run(&server, rounds).await?,
            "append-growth" => append_growth::run(&server, rounds, events.unwrap_or(MANY_EVENTS)).await?,
            "append-limit" => append_limit::run(&server, rounds).await?,
            "append-peers" => append_peers::run(&server.newest().await?, rounds).await?,
            "history" => history::run(&server, rounds, events.unwrap_or(EVENTS)).await?,
            "http" => http::run(&server, rounds).await?,
            "memory" => memory::run(&server).await?,
            "latency" => latency::run(&server, rounds).await?,
            "project" => project::run(&server, rounds, events.unwrap_or(EVENTS)).await?,
            "publish" => publish::run(&server, rounds, events.unwrap_or(EVENTS)).await?,
            "queries" => queries::run(&server, events.unwrap_or(ROWS).into()).await?,
            _ => rebuild::run(&server, rounds, events.unwrap_or(EVENTS)).await?,
        }
    }
    Ok(())
}
