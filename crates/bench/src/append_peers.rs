//! How many events a second does the journal append, compared with other event stores on Postgres, on the newest Postgres?

use std::path::PathBuf;

use anamnesis_domain::Aggregate as _;
use anamnesis_domain::patient::{Patient, PatientEvent};
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use tokio::process::Command;
use uuid::Uuid;

use crate::append::execute;
use crate::harness::Bench;
use crate::peer::Peer;
use crate::plain::PlainDatabase;
use crate::sealed::SealedJournal;
use crate::server::Server;
use crate::stories::Stories;

const OURS: &str = "journal";
const DISINTEGRATE: &str = "disintegrate-postgres";
const EMMETT: &str = "@event-driven-io/emmett-postgresql";
const MESSAGE_DB: &str = "@eventide/message-db";
const POSTGRES_ES: &str = "postgres-es";
const CALLERS: usize = 64;

/// Prints and writes the comparison.
pub(crate) async fn run(server: &Server, rounds: usize) -> Result<()> {
    let (ours, plain, stories) = (&SealedJournal::new(server).await?, PlainDatabase::new(server).await?, &Stories::new()?);
    let (patients, event) = (plain.store::<Patient>(), registered(stories)?);
    let peer = |program| Peer::start(program, server, CALLERS, &event);
    let (disintegrate, emmett, message_db) =
        (peer(beside_us("disintegrate-peer")?).await?, peer(node("emmett.js")).await?, peer(node("message_db.js")).await?);
    let bench = Bench::new("append-peers", "events/s", server, rounds)?
        .side(OURS, || ours.register(CALLERS))
        .side(DISINTEGRATE, || disintegrate.round())
        .side(EMMETT, || emmett.round())
        .side(MESSAGE_DB, || message_db.round())
        .side(POSTGRES_ES, || {
            let stories = stories.clone();
            execute(patients.clone(), CALLERS, move || {
                let id = Uuid::now_v7();
                Ok((id, stories.register(id)?))
            })
        });
    let mut report = bench.run().await?;
    let mut lowest = f64::INFINITY;
    let mut versions_found = Map::new();
    for (ratio, peer, version) in versions()? {
        lowest = lowest.min(report.ratio(ratio, OURS, peer)?);
        println!("    version {version}");
        versions_found.insert(peer.to_owned(), json!(version));
    }
    report.note("versions", Value::Object(versions_found));
    report.at_least(lowest, 1.0);
    for peer in [disintegrate, emmett, message_db] {
        peer.finish().await?;
    }
    report.write()
}

/// What everybody appends.
fn registered(stories: &Stories) -> Result<PatientEvent> {
    Patient::default().decide(stories.register(Uuid::nil())?)?.pop().context("a registration is an event")
}

/// A peer in Rust, which `./dev bench` builds to where it builds this.
fn beside_us(name: &str) -> Result<Command> {
    Ok(Command::new(std::env::current_exe()?.with_file_name(name)))
}

fn node(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(PathBuf::from_iter([env!("CARGO_MANIFEST_DIR"), "peers", script]));
    node
}

/// By the names of the ratios, the peers and what they are locked to.
fn versions() -> Result<[(&'static str, &'static str, String); 4]> {
    let crates = include_str!("../../../Cargo.lock");
    let disintegrate = include_str!("../peers/disintegrate/Cargo.lock");
    let packages = serde_json::from_str(include_str!("../peers/package-lock.json"))?;
    Ok([
        ("ratio_disintegrate", DISINTEGRATE, of_crate(disintegrate, DISINTEGRATE)?),
        ("ratio_emmett", EMMETT, of_package(&packages, EMMETT)?),
        ("ratio_message_db", MESSAGE_DB, of_package(&packages, MESSAGE_DB)?),
        ("ratio_postgres_es", POSTGRES_ES, of_crate(crates, POSTGRES_ES)?),
    ])
}

fn of_crate(lock: &str, name: &str) -> Result<String> {
    let (_, found) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).with_context(|| format!("{name} isn't in its lock file"))?;
    Ok(found.split('"').next().unwrap_or_default().to_owned())
}

fn of_package(lock: &Value, name: &str) -> Result<String> {
    let found = &lock["packages"][format!("node_modules/{name}")]["version"];
    Ok(found.as_str().with_context(|| format!("{name} isn't in its lock file"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        for (_, peer, version) in versions().unwrap() {
            assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{peer} {version}");
        }
    }
}
