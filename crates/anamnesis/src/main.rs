//! The program: reads its settings and does what it is asked.

use std::process::ExitCode;

use anamnesis::cli::Cli;
use clap::Parser;
use tikv_jemallocator::Jemalloc;

/// Commands are many small values that live for milliseconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    anamnesis::run(Cli::parse())
}
