//! Where does the database come from when nobody names one? From here: a Postgres of our own, in the data directory.
//!
//! It listens on 127.0.0.1 only, asks for a password that only the data directory holds, and is supervised. When we are killed it
//! lives on, and the next start adopts it.

mod cluster;
mod files;
mod home;
mod log;
mod postmaster;
mod programs;
mod supervisor;
mod user;

use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anamnesis_loops::Loops;
use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use tracing::info;

use self::cluster::Cluster;
use self::postmaster::Postmaster;
use self::supervisor::Supervisor;
use crate::data_dir::DataDir;

/// How long a start may take, recovery after a crash included.
const START_LIMIT: Duration = Duration::from_mins(5);

/// How often a start is tried: the port can be snatched, the backends of a killed server need a moment to go.
const START_TRIES: u32 = 5;

/// How often a starting server is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Where a server of ours answers, and its superuser's password.
#[derive(Clone, Debug)]
pub struct Address {
    port: u16,
    password: SecretString,
}

impl Address {
    /// The server that another process of ours keeps running on this data directory; `None` if there is none.
    ///
    /// For commands beside a running `up`. Fails when a server answers but its password can't be read.
    pub fn of_running(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let cluster = data_dir.join("postgres").canonicalize().map(|home| home.join("cluster"));
        let Some(postmaster) = cluster.ok().and_then(|cluster| Postmaster::of(&cluster)) else {
            return Ok(None);
        };
        let password = files::read_password(data_dir)?;
        Ok(Some(Self { port: postmaster.port, password }))
    }

    /// The superuser's connection URL for one database, which need not exist yet. It holds the password.
    pub fn url(&self, database: &str) -> SecretString {
        let user = cluster::SUPERUSER;
        let password = self.password.expose_secret();
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port).into()
    }
}

/// A running Postgres server, watched and restarted until it is stopped or dropped.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    address: Address,
    supervisor: Supervisor,
}

impl EmbeddedPostgres {
    /// Whether a cluster was made for this data directory.
    pub fn is_made(data_dir: &Path) -> bool {
        data_dir.join("postgres/cluster").exists()
    }

    /// Makes the cluster if there is none, then adopts the server that runs on it, or starts one. Blocks until it answers.
    ///
    /// The data directory must stay locked for as long as the server runs.
    /// `programs` is the folder of `initdb`, `pg_ctl` and `postgres`; without it they are looked for. Fails when
    /// they aren't found or fit, or when the server doesn't start; the error says what to do.
    pub fn start(data_dir: &DataDir, programs: Option<&Path>) -> anyhow::Result<Self> {
        Self::start_watched(data_dir, programs, &Loops::default())
    }

    /// As [`EmbeddedPostgres::start`], with what watches the server among these loops.
    pub fn start_watched(data_dir: &DataDir, programs: Option<&Path>, loops: &Loops) -> anyhow::Result<Self> {
        let cluster = Cluster::prepare(data_dir, programs)?;
        let password = cluster.password()?;
        let (server, port) = match adopt(&cluster)? {
            Some(adopted) => adopted,
            None => launch(&cluster)?,
        };
        let address = Address { port, password };
        let supervisor = Supervisor::start(cluster, server, port, loops).context("start the supervisor's thread")?;
        Ok(Self { address, supervisor })
    }

    /// The superuser's connection URL for one database, which need not exist yet. It holds the password.
    pub fn url(&self, database: &str) -> SecretString {
        self.address.url(database)
    }

    /// Stops the server (also one that was adopted), and blocks until it has stopped.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.supervisor.stop()
    }
}

/// A server process, by who has to collect it when it ends.
#[derive(Debug)]
enum Server {
    Ours(Child),
    Adopted,
}

/// Waits for a server that is starting or stopping to become one or the other.
fn adopt(cluster: &Cluster) -> anyhow::Result<Option<(Server, u16)>> {
    let deadline = Instant::now() + START_LIMIT;
    while let Some(postmaster) = cluster.postmaster() {
        if postmaster.answers() {
            info!(process.id = postmaster.pid, "adopted the PostgreSQL server that was still running");
            return Ok(Some((Server::Adopted, postmaster.port)));
        }
        if Instant::now() > deadline {
            bail!("the PostgreSQL server of this data directory (process {}) runs, but doesn't answer", postmaster.pid);
        }
        thread::sleep(LOOK);
    }
    Ok(None)
}

fn launch(cluster: &Cluster) -> anyhow::Result<(Server, u16)> {
    let mut tries = 1;
    loop {
        let port = cluster.free_port()?;
        match launch_on(cluster, port) {
            Ok(child) => return Ok((Server::Ours(child), port)),
            Err(error) if tries == START_TRIES => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(200) * tries),
        }
        tries += 1;
    }
}

fn launch_on(cluster: &Cluster, port: u16) -> anyhow::Result<Child> {
    let logged = cluster.log().len();
    let mut child = cluster.spawn(port)?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(status) = child.try_wait().context("watch the starting PostgreSQL server")? {
            let log = cluster.log().since(logged).unwrap_or_default();
            bail!("the PostgreSQL server didn't start ({status}): {log}");
        }
        if cluster.postmaster().is_some_and(Postmaster::answers) {
            info!(process.id = child.id(), port, "the PostgreSQL server is up");
            return Ok(child);
        }
        if Instant::now() > deadline {
            cluster.stop()?;
            bail!("the PostgreSQL server took more than {} s to start", START_LIMIT.as_secs());
        }
        thread::sleep(LOOK);
    }
}
