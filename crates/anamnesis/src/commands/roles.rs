//! `anamnesis serve`, `sequence`, `publish`, `project`: the parts of `up`, each in processes of its own

use anamnesis_projections::find;
use anyhow::Context;

use crate::cli::Project;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::runtime::Runtime;

/// Serves HTTP until it is told to stop. Any number of processes may.
pub(crate) async fn serve(config: &Config) -> anyhow::Result<()> {
    alone(config, async |installation| {
        installation.first_organization(config).await?;
        let mut runtime = Runtime::new(installation);
        let watched = runtime.watch(config, installation)?;
        let address = runtime.serve(config, installation, watched).await?;
        runtime.tell(config, installation).await?;
        tracing::info!("serving http://{address}");
        Ok(runtime)
    })
    .await
}

/// Gives events their positions, keeps the tree and signs its heads. Of several processes one leads, the others stand by.
pub(crate) async fn sequence(config: &Config) -> anyhow::Result<()> {
    alone(config, async |installation| {
        let mut runtime = Runtime::new(installation);
        runtime.sequence(config, installation)?;
        runtime.tell(config, installation).await?;
        Ok(runtime)
    })
    .await
}

/// Publishes the log. Of several processes one publishes, the others stand by.
pub(crate) async fn publish(config: &Config) -> anyhow::Result<()> {
    let kafka = config.kafka()?.clone();
    alone(config, async |installation| {
        let mut runtime = Runtime::new(installation);
        runtime.publish(config, installation, kafka)?;
        runtime.tell(config, installation).await?;
        Ok(runtime)
    })
    .await
}

/// Keeps the read models up, and acts upon events outside. Several processes share Kafka's partitions out.
pub(crate) async fn project(config: &Config, project: &Project) -> anyhow::Result<()> {
    let only = match &project.only {
        Some(name) => Some(find(name).with_context(|| format!("there is no projection {name}: `anamnesis projection list` names them"))?),
        None => None,
    };
    alone(config, async |installation| {
        installation.ensure_read_models().await?;
        let mut runtime = Runtime::new(installation);
        runtime.project(config, installation, only);
        if only.is_none() {
            runtime.react(config, installation)?;
        }
        runtime.tell(config, installation).await?;
        Ok(runtime)
    })
    .await
}

/// Runs one role until it is told to stop.
async fn alone(config: &Config, start: impl AsyncFnOnce(&Installation) -> anyhow::Result<Runtime>) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let ran = run(config, &database, start).await;
    let closed = database.close().await;
    ran.and(closed)
}

async fn run(config: &Config, database: &Database, start: impl AsyncFnOnce(&Installation) -> anyhow::Result<Runtime>) -> anyhow::Result<()> {
    let installation = Installation::open(config, &database.url).await?;
    start(&installation).await?.run_to_the_end().await
}
