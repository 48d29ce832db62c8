//! How many events a second become rows of all read models on the way through Kafka, and how many would if their rows were there already?

use std::time::{Duration, Instant};

use anamnesis_journal::log::Log;
use anamnesis_journal::{Role, pool_as};
use anamnesis_projections::ALL;
use anamnesis_projector::{ProjectorSettings, Workers, ensure_schema};
use anamnesis_stream::KafkaSettings;
use anyhow::{Result, bail};
use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::Bench;
use crate::patients;
use crate::publish::{as_f64, delete_all, of_its_own, publish_into, settings};
use crate::server::{Installation, Server, open_vault};

const OURS: &str = "from Kafka into all read models";
const COPIED: &str = "their rows, by binary COPY";
/// Where the copied rows go.
const SCHEMA: &str = "copied";
/// Connections of the projectors, as in the running system.
const CONNECTIONS: u32 = 16;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_mins(5);

/// Prints and writes the comparison, over so many events.
pub(crate) async fn run(server: &Server, rounds: usize, events: u32) -> Result<()> {
    let installation = &Installation::new(server).await?;
    let superuser = &installation.database.superuser(2).await?;
    ensure_schema(superuser, ALL).await?;
    patients::write_with_records(installation, events).await?;
    let kafka = &of_its_own(&settings()?);
    publish_into(installation, kafka).await?;
    let head = Log::new(superuser.clone()).head().await?.position;
    project(installation, superuser, kafka, head).await?;
    let rows = &Rows::read(superuser).await?;
    let bench = Bench::new("project", "events/s", server, rounds)?
        .side(OURS, || project(installation, superuser, kafka, head))
        .side(COPIED, || rows.write(superuser, head));
    let mut report = bench.run().await?;
    delete_all(kafka).await?;
    report.note("events", head.into());
    report.note("rows", rows.count.into());
    report.ratio_at_least("ratio_copy", OURS, COPIED, 0.15)?;
    report.write()
}

fn tables() -> impl Iterator<Item = (String, &'static str)> {
    ALL.iter().flat_map(|projection| {
        let table = |name| (format!("{}.{name}", projection.schema.name()), name);
        projection.tables.iter().map(move |of| table(of.info().name))
    })
}

/// Events a second, from when the projectors start with empty tables until all are as far as the log. What they need to
/// become members of their group and to look up every key is in it.
async fn project(installation: &Installation, superuser: &PgPool, kafka: &KafkaSettings, head: u64) -> Result<f64> {
    let names: Vec<_> = tables().map(|(qualified, _)| qualified).collect();
    // audit tables refuse it, but for a replica
    let emptied = format!(
        "set session_replication_role = replica;
         truncate {};
         reset session_replication_role;
         delete from journal.checkpoints;
         delete from journal.projectors",
        names.join(", ")
    );
    sqlx::raw_sql(&emptied).execute(superuser).await?;
    let url = installation.database.url();
    let vault = open_vault(pool_as(&url, Role::Writer, 2)?, installation.keyring.path()).await?;
    let pool = pool_as(&url, Role::Projector, CONNECTIONS)?;
    let group = Uuid::now_v7().to_string();
    let workers = Workers::new(pool.clone(), vault, Log::new(pool), ALL, ProjectorSettings::default()).from_kafka(kafka.clone(), &group);
    let (began, shutdown) = (Instant::now(), CancellationToken::new());
    let running = tokio::spawn(workers.run(shutdown.clone()));
    let is_there = "select count(*) = $2 and min(position) >= $1 from journal.reached";
    while !sqlx::query_scalar::<_, Option<bool>>(is_there)
        .bind(i64::try_from(head)?)
        .bind(i64::try_from(ALL.len())?)
        .fetch_one(superuser)
        .await?
        .unwrap_or_default()
    {
        if began.elapsed() > PATIENCE {
            bail!("the read models don't come to position {head}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    shutdown.cancel();
    running.await?;
    Ok(as_f64(head) / took.as_secs_f64())
}

/// What stands in all read models, as binary COPY tells it.
struct Rows {
    of_tables: Vec<(String, Vec<u8>)>,
    count: u64,
}

impl Rows {
    /// Reads them, and makes tables like theirs, with all their indexes.
    async fn read(superuser: &PgPool) -> Result<Self> {
        sqlx::raw_sql(&format!("create schema {SCHEMA}")).execute(superuser).await?;
        let (mut of_tables, mut count) = (Vec::new(), 0);
        for (qualified, name) in tables() {
            let like = format!("{SCHEMA}.{name}");
            sqlx::raw_sql(&format!("create table {like} (like {qualified} including all)")).execute(superuser).await?;
            let (mut rows, mut bytes) = (superuser.copy_out_raw(&format!("copy {qualified} to stdout (format binary)")).await?, Vec::new());
            while let Some(part) = rows.try_next().await? {
                bytes.extend_from_slice(&part);
            }
            let there: i64 = sqlx::query_scalar(&format!("select count(*) from {qualified}")).fetch_one(superuser).await?;
            count += u64::try_from(there)?;
            of_tables.push((like, bytes));
        }
        Ok(Self { of_tables, count })
    }

    /// Writes them into empty tables, one after another. Events a second, of those that made them.
    async fn write(&self, superuser: &PgPool, events: u64) -> Result<f64> {
        let names: Vec<_> = self.of_tables.iter().map(|(name, _)| name.as_str()).collect();
        sqlx::raw_sql(&format!("truncate {}", names.join(", "))).execute(superuser).await?;
        let began = Instant::now();
        for (name, bytes) in &self.of_tables {
            let mut copy = superuser.copy_in_raw(&format!("copy {name} from stdin (format binary)")).await?;
            copy.send(bytes.as_slice()).await?;
            copy.finish().await?;
        }
        Ok(as_f64(events) / began.elapsed().as_secs_f64())
    }
}
