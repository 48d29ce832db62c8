//! `anamnesis publish`

use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::runtime::Runtime;

/// Publishes the log until it is told to stop. Of several processes one publishes, the others stand by.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let kafka = config.kafka()?.clone();
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let mut runtime = Runtime::new();
    runtime.publish(&installation, kafka);
    let ran = runtime.run_to_the_end().await;
    let closed = database.close().await;
    ran.and(closed)
}
