//! What does somebody see and do who has the database's superuser? (An attacker, an auditor, a test.)

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection, Decode, PgConnection, Postgres, Row, Type};

use crate::server::signal;
use crate::{eventually, wait_for};

/// A superuser's connection to a database.
pub struct Database {
    connection: PgConnection,
    /// Where the server has everything, if it is the test's own.
    cluster: Option<PathBuf>,
}

impl Database {
    /// `None` while it doesn't answer, or isn't made yet.
    pub(crate) fn of(data_dir: &Path) -> Option<Self> {
        let cluster = data_dir.join("postgres/cluster").canonicalize().ok()?;
        let password = fs::read_to_string(data_dir.join("postgres.password")).ok()?;
        let options =
            PgConnectOptions::new().host("127.0.0.1").port(port(&cluster)?).username("postgres").password(password.trim()).database("anamnesis");
        let connection = wait_for(PgConnection::connect_with(&options)).ok()?;
        Some(Self { connection, cluster: Some(cluster) })
    }

    /// A database on a server that others use too; `None` while it doesn't answer.
    pub(crate) fn at(url: &str) -> Option<Self> {
        let connection = wait_for(PgConnection::connect(url)).ok()?;
        Some(Self { connection, cluster: None })
    }

    /// Does something; several statements are one transaction.
    #[track_caller]
    pub fn execute(&mut self, sql: &str) -> u64 {
        match wait_for(sqlx::raw_sql(sql).execute(&mut self.connection)) {
            Ok(done) => done.rows_affected(),
            Err(error) => panic!("{error}: {sql}"),
        }
    }

    /// The first column of the only row.
    #[track_caller]
    pub fn one<T>(&mut self, sql: &str) -> T
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        self.rows(sql).first().unwrap_or_else(|| panic!("no row: {sql}")).get(0)
    }

    /// The log's end, once all that was committed before is in it.
    #[track_caller]
    pub fn settled(&mut self) -> u64 {
        let arrived: i64 = self.one("select coalesce(max(arrival), 0) from journal.events");
        let queued = format!("select exists (select from journal.unsequenced where arrival <= {arrived})");
        eventually("what was committed is in the log", Duration::from_mins(1), || (!self.one::<bool>(&queued)).then_some(()));
        self.one::<i64>("select position from journal.head").cast_unsigned()
    }

    /// The first column of every row.
    #[track_caller]
    pub fn all<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        self.rows(sql).iter().map(|row| row.get(0)).collect()
    }

    /// Every row.
    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> Vec<PgRow> {
        match wait_for(sqlx::query(sql).fetch_all(&mut self.connection)) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}: {sql}"),
        }
    }

    /// How many events an account caused, those that only record that it looked apart.
    pub fn events_by(&mut self, account_id: &str) -> i64 {
        self.one(&format!("select count(*) from journal.events where actor_id = '{account_id}' and aggregate_type <> 'access'"))
    }

    /// Where Postgres keeps everything: tables, indexes, WAL.
    pub fn cluster(&self) -> &Path {
        self.cluster.as_deref().expect("the test's own server")
    }

    /// Stops all of this server's processes where they stand, as a stuck disk would. They go on when what is answered is dropped.
    pub fn freeze(&self) -> Frozen {
        let postmaster = postmaster(self.cluster());
        // first, so that it has no more children than are found
        signal("STOP", postmaster);
        let children = children(postmaster);
        for &child in &children {
            signal("STOP", child);
        }
        Frozen(std::iter::once(postmaster).chain(children).collect())
    }

    /// `kill -9` of all of this server's processes. Of the postmaster alone it would leave backends that answer once more.
    pub fn kill(&self) {
        let Frozen(processes) = &self.freeze();
        for &process in processes {
            signal("KILL", process);
        }
    }
}

/// Processes that stand still until this is dropped.
pub struct Frozen(Vec<u32>);

impl Drop for Frozen {
    fn drop(&mut self) {
        self.0.iter().for_each(|&process| signal("CONT", process));
    }
}

fn port(cluster: &Path) -> Option<u16> {
    let file = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    file.lines().nth(3)?.trim().parse().ok()
}

fn postmaster(cluster: &Path) -> u32 {
    let file = fs::read_to_string(cluster.join("postmaster.pid")).unwrap();
    file.lines().next().unwrap().trim().parse().unwrap()
}

/// A process's children, by `pid (name) state parent …`.
fn children(parent: u32) -> Vec<u32> {
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        (rest.split(' ').nth(1)? == parent.to_string()).then_some(process)
    });
    children.collect()
}
