//! The program: reads its settings and does what it is asked.

use std::process::ExitCode;

use anamnesis::cli::Cli;
use clap::Parser;

fn main() -> ExitCode {
    anamnesis::run(Cli::parse())
}
