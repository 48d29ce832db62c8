//! How do the layers become one program? This crate alone knows them all; the layers never know it.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is how a test fails"))]

mod canary;
pub mod cli;
mod commands;
pub mod config;
pub mod data_dir;
mod demo;
mod disclosure;
mod fhir_import;
mod installation;
mod metrics;
mod output;
pub mod postgres;
mod runtime;
mod serving;
mod standing;
mod tenant;
mod webhook;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use cli::{Cli, Command, Serve, Up};
use config::{Config, LogFormat};
use output::Output;
use tracing_subscriber::EnvFilter;

/// Done.
const DONE: u8 = 0;
/// Failed.
const FAILED: u8 = 1;
/// Verification found tampering or a gap.
pub(crate) const TAMPERED: u8 = 3;

/// Does what the command line asks for, and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    match try_run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("anamnesis: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn try_run(cli: Cli) -> anyhow::Result<u8> {
    let mut flags: Vec<(&str, String)> = Vec::new();
    if let Some(data_dir) = &cli.global.data_dir {
        flags.push(("data_dir", data_dir.display().to_string()));
    }
    if let Command::Up(Up { serve: Serve { listen: Some(listen) }, .. }) | Command::Serve(Serve { listen: Some(listen) }) = &cli.command {
        flags.push(("listen", listen.to_string()));
    }
    let config = Config::load(cli.global.config.as_deref(), &flags)?;
    let output = Output { json: cli.global.json };
    log_lines(&config)?;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed first");
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match cli.command {
            Command::Up(up) => commands::up::run(config, up).await.map(|()| DONE),
            Command::Serve(_) => commands::roles::serve(&config).await.map(|()| DONE),
            Command::Sequence => commands::roles::sequence(&config).await.map(|()| DONE),
            Command::Publish => commands::roles::publish(&config).await.map(|()| DONE),
            Command::Project(project) => commands::roles::project(&config, &project).await.map(|()| DONE),
            Command::Migrate => commands::migrate::run(&config).await.map(|()| DONE),
            Command::Import(import) => commands::import::run(&config, import, output).await,
            Command::History(history) => commands::history::run(&config, history, output).await.map(|()| DONE),
            Command::Verify(verify) => commands::verify::run(&config, verify, output).await,
            Command::Replay(replay) => commands::replay::run(&config, replay).await.map(|()| DONE),
            Command::Projection(projection) => commands::projection::run(&config, projection, output).await,
            Command::Reactor(reactor) => commands::reactor::run(&config, reactor, output).await.map(|()| DONE),
            Command::Keys(keys) => commands::keys::run(&config, keys, output).await.map(|()| DONE),
            Command::Account(account) => commands::account::run(&config, account, output).await.map(|()| DONE),
            Command::Doctor => commands::doctor::run(&config, output).await,
            Command::Config => {
                let masked = config.masked()?;
                output.data(&config, || masked).map(|()| DONE)
            }
        }
    })
}

/// Log lines go to standard error: standard output is for data.
fn log_lines(config: &Config) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&config.log_filter)?)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
