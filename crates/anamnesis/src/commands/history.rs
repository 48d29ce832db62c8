//! `anamnesis history`

use crate::cli::History;
use crate::config::Config;
use crate::output::Output;

pub(crate) async fn run(_config: &Config, _history: History, _output: Output) -> anyhow::Result<()> {
    anyhow::bail!("not wired")
}
