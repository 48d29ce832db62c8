//! `anamnesis keys`

use anamnesis_vault::KeyFilter;

use crate::cli::Keys;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;

pub(crate) async fn run(config: &Config, keys: Keys, output: Output) -> anyhow::Result<()> {
    let Keys::List = keys;
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let keys = installation.vault.list(&KeyFilter::default()).await?;
    let header = ["KEY", "ORGANIZATION", "SUBJECT", "PURPOSE", "VERSION", "ALGORITHM", "STATE", "ACTIVE FROM", "WRAPPED BY"];
    output.table(&keys, &header, |key| {
        vec![
            key.key_id.to_string(),
            key.organization.to_string(),
            key.subject.to_string(),
            key.purpose.to_string(),
            key.version.to_string(),
            key.algorithm.to_string(),
            key.state.to_string(),
            key.active_from.to_string(),
            key.wrapped_by.join(", "),
        ]
    })?;
    database.close().await
}
