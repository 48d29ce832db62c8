//! `anamnesis up`

use crate::cli::Up;
use crate::config::Config;
use crate::demo;
use crate::installation::{Database, Installation};
use crate::runtime::Runtime;

/// Runs everything in one process until it is told to stop.
pub(crate) async fn run(config: Config, up: Up) -> anyhow::Result<()> {
    let database = Database::own(&config).await?;
    let ran = serve(&config, &up, &database).await;
    let closed = database.close().await;
    ran.and(closed)
}

async fn serve(config: &Config, up: &Up, database: &Database) -> anyhow::Result<()> {
    let installation = Installation::open_watched(config, &database.url, database.loops.clone()).await?;
    let organization = installation.first_organization(config).await?;
    let (runtime, address) = Runtime::start(config, &installation).await?;
    if up.demo {
        demo::load(config, &installation, organization).await?;
        demo::greet(config, address)?;
    }
    tracing::info!("serving http://{address}");
    runtime.run_to_the_end().await
}
