//! `anamnesis migrate`

use crate::config::Config;
use crate::installation::{Database, Installation};

/// Applies what isn't applied yet, read models included.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    installation.ensure_read_models().await?;
    database.close().await
}
