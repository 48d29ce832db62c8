//! The program: reads its settings and does what it is asked.

use std::process::ExitCode;

use anamnesis::cli::Cli;
use clap::Parser;
use mimalloc::MiMalloc;

/// Commands are many small values that live for milliseconds.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    anamnesis::run(Cli::parse())
}
