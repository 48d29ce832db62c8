//! How did Postgres answer? It says so itself: `auto_explain` writes each statement's plan, as it was run, to the server's log.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;
use sqlx::PgPool;

/// Has every plan written down, of connections that begin from now on.
const EXPLAINED: &str = "
    alter database anamnesis set session_preload_libraries = 'auto_explain';
    alter database anamnesis set auto_explain.log_min_duration = 0;
    alter database anamnesis set auto_explain.log_analyze = on;
    alter database anamnesis set auto_explain.log_timing = off;
    alter database anamnesis set auto_explain.log_format = json;
    select pg_terminate_backend(pid) from pg_stat_activity where datname = 'anamnesis' and pid <> pg_backend_pid();
";

/// The server's log, from where it was read last.
pub(crate) struct Plans {
    log: PathBuf,
    read: u64,
}

/// How one statement was run.
pub(crate) struct Plan {
    /// Milliseconds.
    pub(crate) took: f64,
    pub(crate) cost: f64,
    /// How many rows it gave.
    pub(crate) gave: f64,
    /// How it came to each table's rows.
    pub(crate) reads: Vec<TableRead>,
}

/// How the rows of one table were found.
pub(crate) struct TableRead {
    pub(crate) table: String,
    /// `Index Scan`, `Seq Scan`, …
    pub(crate) way: String,
    pub(crate) index: Option<String>,
    /// How many rows were looked at: those that were given, and those that a condition then threw away.
    pub(crate) looked_at: f64,
}

impl Plans {
    /// Of the server that writes this log.
    pub(crate) async fn of(log: PathBuf, superuser: &PgPool) -> Result<Self> {
        sqlx::raw_sql(EXPLAINED).execute(superuser).await.context("auto_explain comes with Debian's postgresql package")?;
        let mut plans = Self { log, read: 0 };
        plans.text()?;
        Ok(plans)
    }

    /// The plans that were written since this was asked last, of statements that read a read model.
    pub(crate) fn written(&mut self) -> Result<Vec<Plan>> {
        let text = self.text()?;
        plans(&text).filter(is_of_a_list).map(|(took, plan)| Plan::of(took, &plan)).collect()
    }

    /// What is new, up to the last whole line.
    fn text(&mut self) -> Result<String> {
        let mut file = File::open(&self.log).with_context(|| self.log.display().to_string())?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        self.read += u64::try_from(bytes.len())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Milliseconds, and the plan. Lines after a message's first begin with a tab.
fn plans(log: &str) -> impl Iterator<Item = (f64, Value)> {
    log.split("duration: ").skip(1).filter_map(|message| {
        let (first, rest) = message.split_once('\n')?;
        let took = first.strip_suffix("ms  plan:")?.trim().parse().ok()?;
        let json: String = rest.lines().take_while(|line| line.starts_with('\t')).collect();
        Some((took, serde_json::from_str(&json).ok()?))
    })
}

/// Lists are asked for within an organization, and have a limit (`crates/projector/src/query.rs`).
fn is_of_a_list((_, plan): &(f64, Value)) -> bool {
    let text = plan["Query Text"].as_str().unwrap_or_default();
    text.starts_with("select ") && text.contains(" where organization_id = $1") && text.contains(" limit $")
}

impl Plan {
    fn of(took: f64, plan: &Value) -> Result<Self> {
        let top = &plan["Plan"];
        let mut reads = Vec::new();
        collect(top, &mut reads)?;
        Ok(Self { took, cost: number(top, "Total Cost")?, gave: number(top, "Actual Rows")?, reads })
    }
}

fn collect(node: &Value, reads: &mut Vec<TableRead>) -> Result<()> {
    if let Some(table) = node["Relation Name"].as_str() {
        let thrown_away = ["Rows Removed by Filter", "Rows Removed by Index Recheck"].map(|name| number(node, name).unwrap_or_default());
        let once = number(node, "Actual Rows")? + thrown_away.iter().sum::<f64>();
        reads.push(TableRead {
            table: table.to_owned(),
            way: node["Node Type"].as_str().unwrap_or_default().to_owned(),
            index: index_of(node).map(str::to_owned),
            looked_at: once * number(node, "Actual Loops")?,
        });
    }
    node["Plans"].as_array().into_iter().flatten().try_for_each(|below| collect(below, reads))
}

/// The index of a node, or the first of those whose bitmaps it reads by.
fn index_of(node: &Value) -> Option<&str> {
    node["Index Name"].as_str().or_else(|| node["Plans"].as_array()?.iter().find_map(index_of))
}

fn number(node: &Value, name: &str) -> Result<f64> {
    node[name].as_f64().with_context(|| format!("a plan says no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01 00:00:00 UTC [7] LOG:  duration: 12.500 ms  plan:
\t{
\t  \"Query Text\": \"select a from read.things where organization_id = $1 order by a limit $2\",
\t  \"Plan\": {\"Node Type\": \"Limit\", \"Total Cost\": 9.5, \"Actual Rows\": 2, \"Actual Loops\": 1, \"Plans\": [
\t    {\"Node Type\": \"Index Scan\", \"Relation Name\": \"things\", \"Index Name\": \"things_listed\",
\t     \"Actual Rows\": 2, \"Actual Loops\": 1, \"Rows Removed by Filter\": 40}]}
\t}
2026-01-01 00:00:00 UTC [7] LOG:  duration: 0.100 ms  plan:
\t{ \"Query Text\": \"select 1\", \"Plan\": {\"Node Type\": \"Result\"} }
";

    #[test]
    fn plans_of_lists_are_read_as_postgres_writes_them() {
        let found: Vec<_> = plans(LOG).filter(is_of_a_list).map(|(took, plan)| Plan::of(took, &plan).unwrap()).collect();
        assert_eq!(found.len(), 1);
        let Plan { took, cost, gave, reads } = &found[0];
        assert_eq!((*took, *cost, *gave), (12.5, 9.5, 2.0));
        assert_eq!((reads[0].table.as_str(), reads[0].way.as_str(), reads[0].index.as_deref()), ("things", "Index Scan", Some("things_listed")));
        assert!((reads[0].looked_at - 42.0).abs() < f64::EPSILON);
    }
}
