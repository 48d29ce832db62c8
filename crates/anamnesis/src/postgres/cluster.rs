//! What lies on the disk, and how are Postgres's programs called on it?
//!
//! ```text
//! <data directory>/
//!   postgres/cluster/    what initdb makes; `postgres` is the server's user's, or a link to /var/lib/anamnesis/<id>
//!   postgres.password    the superuser's, 0600
//!   postgres.port        the port of the last start, so that it stays
//!   log/postgres.log     no statement, parameter or value is in it
//! ```

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, bail};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use tracing::info;
use uuid::Uuid;

use super::files::{new_password, read_password, read_port, remember_port, sync_folder, write_new};
use super::home::home;
use super::log::ServerLog;
use super::postmaster::Postmaster;
use super::programs::Programs;
use super::user::ServerUser;
use crate::data_dir::DataDir;

/// The only role that initdb makes.
pub(super) const SUPERUSER: &str = "postgres";

/// Below the range from which Linux takes ports for outgoing connections (from 32768), so that none is in our way later.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How often a random port may turn out to be taken.
const PORT_TRIES: usize = 100;

/// How the names of everything begin that an interrupted initdb may leave.
const UNFINISHED: &str = "unfinished-";

/// Given on the command line, where neither a configuration file nor `alter system` overrides them.
///
/// The log gets no `ERROR` (its text can quote a value), no statement and, being terse, no detail (a crashed
/// backend's last statement would be one).
const SETTINGS: [&str; 16] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=128MB",
    "max_wal_size=2GB",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_destination=stderr",
    "logging_collector=off",
    "log_min_messages=log",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_statement=none",
    "log_min_duration_statement=-1",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_checkpoints=off",
];

/// One cluster and the programs that run it.
#[derive(Debug)]
pub(super) struct Cluster {
    programs: Programs,
    user: ServerUser,
    /// The server's user's own folder.
    home: PathBuf,
    data_dir: PathBuf,
    log: ServerLog,
}

impl Cluster {
    /// Finds the cluster of a data directory, or makes it.
    pub(super) fn prepare(data_dir: &DataDir, programs: Option<&Path>) -> anyhow::Result<Self> {
        let path = data_dir.path();
        let cluster = path.join("postgres/cluster");
        let programs = Programs::find(programs, major_version(&cluster)?)?;
        let user = ServerUser::choose(&cluster)?;
        let log = ServerLog::open(path)?;
        let home = home(path, user, &programs)?;
        let cluster = Self { programs, user, home, data_dir: path.to_path_buf(), log };
        cluster.initialize_once()?;
        Ok(cluster)
    }

    /// The superuser's password.
    pub(super) fn password(&self) -> anyhow::Result<SecretString> {
        read_password(&self.data_dir)
    }

    /// The server that runs on this cluster, whoever started it.
    pub(super) fn postmaster(&self) -> Option<Postmaster> {
        Postmaster::of(&self.folder())
    }

    /// Starts the server, and doesn't wait for it.
    pub(super) fn spawn(&self, port: u16) -> anyhow::Result<Child> {
        Postmaster::forget_stale(&self.folder()).context("remove a stale postmaster.pid")?;
        let (stdout, stderr) = self.log.for_child()?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder()).arg("-p").arg(port.to_string());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.stdout(stdout).stderr(stderr).spawn().context("start the PostgreSQL server")
    }

    /// Stops whatever server runs on this cluster: it may write a checkpoint, but if that takes too long not even that.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        for (mode, limit_s) in [("fast", "30"), ("immediate", "10")] {
            if self.postmaster().is_none() {
                return Ok(());
            }
            let (stdout, stderr) = self.log.for_child()?;
            let mut command = self.command("pg_ctl");
            command.args(["stop", "--silent", "--wait", "--timeout", limit_s, "--mode", mode, "--pgdata"]);
            command.arg(self.folder()).stdout(stdout).stderr(stderr).status().context("run pg_ctl stop")?;
        }
        match self.postmaster() {
            None => Ok(()),
            Some(postmaster) => bail!("the PostgreSQL server (process {}) doesn't stop", postmaster.pid),
        }
    }

    /// The port of the last start if it is free, else a new one, which is remembered.
    pub(super) fn free_port(&self) -> anyhow::Result<u16> {
        if let Some(port) = read_port(&self.data_dir).filter(|port| is_free(*port)) {
            return Ok(port);
        }
        let mut rng = rand::rng();
        let port = (0..PORT_TRIES).map(|_| rng.random_range(PORTS)).find(|port| is_free(*port));
        let port = port.context("find a free port on 127.0.0.1")?;
        remember_port(&self.data_dir, port)?;
        Ok(port)
    }

    /// What the server has logged.
    pub(super) fn log(&self) -> &ServerLog {
        &self.log
    }

    fn folder(&self) -> PathBuf {
        self.home.join("cluster")
    }

    fn command(&self, program: &str) -> Command {
        self.user.command(&self.programs.path(program), &self.home)
    }

    /// initdb works in a folder with another name, so that one that was interrupted is never taken for a cluster.
    fn initialize_once(&self) -> anyhow::Result<()> {
        self.remove_unfinished().context("remove what an interrupted initdb left")?;
        if self.folder().exists() {
            return Ok(());
        }
        info!("making a PostgreSQL cluster with {}", self.programs);
        let unfinished = self.home.join(format!("{UNFINISHED}{}", Uuid::new_v4()));
        self.initdb(&unfinished)?;
        self.put_in_place(&unfinished).context("put the new cluster in its place")
    }

    /// The new names are on the disk before the first byte of data is.
    fn put_in_place(&self, unfinished: &Path) -> io::Result<()> {
        fs::rename(unfinished, self.folder())?;
        sync_folder(&self.home)?;
        sync_folder(&self.data_dir)
    }

    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.home)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn initdb(&self, folder: &Path) -> anyhow::Result<()> {
        let password = new_password(&self.data_dir)?;
        let password_file = self.home.join(format!("{UNFINISHED}password"));
        write_new(&password_file, password.expose_secret()).and_then(|file| self.user.own_file(&file)).context("hand initdb the password")?;
        let output = self
            .command("initdb")
            .args(["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256", "--no-instructions"])
            .args(["--username", SUPERUSER, "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(folder)
            .output()
            .context("run initdb")?;
        fs::remove_file(&password_file).context("remove initdb's password file")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

/// `None` before the cluster is made.
fn major_version(cluster: &Path) -> anyhow::Result<Option<u32>> {
    let file = cluster.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map(Some).with_context(|| format!("{} names no version", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
