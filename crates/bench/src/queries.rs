//! Does every query find its rows by an index, when there are very many?
//!
//! `anamnesis up` in a process of its own; its Postgres gets so many rows in every table by COPY. Then every route that shows rows is
//! asked, with each of its filters, each two of them and all, first and second page, and Postgres tells how it went about it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anamnesis_projections::ALL;
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::sleep;
use uuid::Uuid;

use crate::client::Client;
use crate::harness::Report;
use crate::many_rows::{Filling, a_day_of, id};
use crate::offered::{Offered, query, words};
use crate::plans::{Plan, Plans};
use crate::program::Program;
use crate::server::Server;

/// Whoever looks at more rows of a table than one in so many has as good as scanned it.
const FEW_OF: f64 = 10.0;
const TRIES: u32 = 100;
const TRY_EVERY: Duration = Duration::from_millis(100);
/// Roles that see everything, together.
const ROLES: [&str; 4] = ["STAFF", "ADMIN", "PRIVACY_OFFICER", "AUDITOR"];

/// Prints and writes how each query was answered, with so many rows in each table.
pub(crate) async fn run(server: &Server, rows: u64) -> Result<()> {
    let mut report = Report::of_figures("queries", "ms", server);
    let program = Program::start("up", Vec::new()).await?;
    let mut client = Client::with_roles(&program, &ROLES).await?;
    let document: Value = serde_json::from_slice(&client.get("/openapi.json").await?.1)?;
    let superuser = PgPoolOptions::new().max_connections(1).test_before_acquire(true).connect(&program.postgres_url()?).await?;
    let filling = Filling { organization: organization(&mut client).await?, key: destroyed_key(&superuser).await?, rows, words: words(&document)? };
    for (projection, table) in ALL.iter().flat_map(|projection| projection.tables.iter().map(move |table| (projection, table))) {
        let began = Instant::now();
        filling.fill(&superuser, projection, *table).await?;
        println!("  {rows} rows of {} in {:.0} s", table.info().name, began.elapsed().as_secs_f64());
    }
    let mut plans = Plans::of(program.postgres_log(), &superuser).await?;
    let mut asked = Vec::new();
    for offered in Offered::all(&document, id(1), a_day_of(rows))? {
        asked.extend(ask(&mut client, &mut plans, &offered).await?);
    }
    conclude(&mut report, &asked, rows)?;
    report.write()
}

/// A question, and how it was answered.
struct Asked {
    path: String,
    plan: Plan,
}

/// Asks everything that can be asked of a route.
async fn ask(client: &mut Client, plans: &mut Plans, offered: &Offered) -> Result<Vec<Asked>> {
    let (mut asked, mut taken) = (Vec::new(), BTreeSet::new());
    for filters in offered.combinations() {
        let (mut cursor, pages) = (None::<String>, 2);
        for _ in 0..pages {
            let path = format!("{}?{}", offered.path, query(&filters, cursor.as_deref()));
            let (status, body) = answer(client, plans, &path).await?;
            if status == StatusCode::UNPROCESSABLE_ENTITY {
                // these don't go together
                break;
            }
            ensure!(status == StatusCode::OK, "GET {path}: {status}: {}", String::from_utf8_lossy(&body));
            taken.extend(filters.iter().map(|(name, _)| name.clone()));
            let written = plans.written()?;
            ensure!(!written.is_empty(), "GET {path}: no plan of {} was written", offered.table);
            asked.extend(written.into_iter().map(|plan| Asked { path: path.clone(), plan }));
            cursor = serde_json::from_slice::<Value>(&body)?["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
    }
    let never: Vec<_> = offered.filters().filter(|name| !taken.contains(*name)).collect();
    ensure!(never.is_empty(), "{}: whatever is asked for, {} isn't taken", offered.path, never.join(", "));
    Ok(asked)
}

/// The answer, with nothing in the log of what came before it. The program finds out one by one which of its connections were ended.
async fn answer(client: &mut Client, plans: &mut Plans, path: &str) -> Result<(StatusCode, Bytes)> {
    for _ in 0..TRIES {
        plans.written()?;
        let (status, body) = client.get(path).await?;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            return Ok((status, body));
        }
        sleep(TRY_EVERY).await;
    }
    bail!("GET {path}: not available")
}

fn conclude(report: &mut Report, asked: &[Asked], rows: u64) -> Result<()> {
    let rows = f64::from(u32::try_from(rows)?);
    println!("  {:>9} {:>9} {:>9} {:>7}  how, and what was asked", "ms", "cost", "looked at", "gave");
    let (mut by_index, mut all) = (0_u32, 0_u32);
    let mut told = Vec::new();
    for Asked { path, plan } in asked {
        let looked_at: f64 = plan.reads.iter().map(|read| read.looked_at).sum();
        let is_scan = plan.reads.iter().any(|read| read.index.is_none() || read.looked_at > rows / FEW_OF);
        let ways: Vec<_> = plan.reads.iter().map(|read| format!("{} {}", read.way, read.index.as_ref().unwrap_or(&read.table))).collect();
        let (mark, ways) = (if is_scan { "SCANS " } else { "" }, ways.join(", "));
        println!("  {:9.1} {:9.0} {looked_at:9.0} {:7.0}  {mark}{ways}: {path}", plan.took, plan.cost, plan.gave);
        told.push(
            json!({ "path": path, "ms": plan.took, "cost": plan.cost, "looked_at": looked_at, "gave": plan.gave, "how": ways, "scans": is_scan }),
        );
        all += 1;
        by_index += u32::from(!is_scan);
    }
    ensure!(all > 0, "nothing was asked");
    let slowest = asked.iter().map(|one| one.plan.took).fold(0.0, f64::max);
    println!("  {by_index} of {all} find what they give by an index; the slowest takes {slowest:.1} ms");
    report.note("slowest_ms", json!(slowest));
    report.note("rows", json!(rows));
    report.note("queries", Value::Array(told));
    report.at_least(f64::from(by_index) / f64::from(all), 1.0);
    Ok(())
}

async fn organization(client: &mut Client) -> Result<Uuid> {
    let (_, answer) = client.get("/v1/organizations").await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    Ok(answer["items"][0]["tenant_id"].as_str().context("no organization is shown")?.parse()?)
}

/// A key that nobody can use any more: what is sealed under it shows as erased.
async fn destroyed_key(superuser: &PgPool) -> Result<Uuid> {
    let key = Uuid::new_v4();
    let sql = "insert into journal.keys (key_id, organization_id, subject_id, purpose, version, algorithm, state, wraps)
        values ($1, $2, $3, 'data', 1, 'xchacha20-poly1305', 'destroyed', '{}')";
    sqlx::query(sql).bind(key).bind(Uuid::new_v4()).bind(Uuid::new_v4()).execute(superuser).await?;
    Ok(key)
}
