//! `anamnesis projection`

use serde::Serialize;

use crate::cli::Projection;
use crate::config::Config;
use crate::installation::{Database, Installation};
use crate::output::Output;

/// How far a read model has come.
#[derive(Serialize)]
struct Line {
    projection: &'static str,
    schema: &'static str,
    position: i64,
    behind: i64,
}

pub(crate) async fn run(config: &Config, projection: Projection, output: Output) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    match projection {
        Projection::List => list(&installation, output).await?,
        Projection::Rebuild { name } => rebuild(&installation, &name, output).await?,
    }
    database.close().await
}

async fn list(installation: &Installation, output: Output) -> anyhow::Result<()> {
    let head: i64 = sqlx::query_scalar("select position from journal.head").fetch_one(&installation.writer).await?;
    let mut lines = Vec::new();
    for projection in anamnesis_projections::ALL {
        let position = "select coalesce(min(position), 0) from journal.checkpoints where consumer = $1";
        let position: i64 = sqlx::query_scalar(position).bind(projection.name).fetch_one(&installation.writer).await?;
        lines.push(Line { projection: projection.name, schema: projection.schema.name(), position, behind: head - position });
    }
    let cells = |line: &Line| vec![line.projection.to_owned(), line.schema.to_owned(), line.position.to_string(), line.behind.to_string()];
    output.table(&lines, &["PROJECTION", "SCHEMA", "POSITION", "BEHIND"], cells)
}

async fn rebuild(_installation: &Installation, _name: &str, _output: Output) -> anyhow::Result<()> {
    anyhow::bail!("not wired")
}
