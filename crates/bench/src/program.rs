//! How does the program itself run beside a benchmark, and what does it take?

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

/// How long a start may take: it may make a cluster.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long it may take to stop, with its Postgres.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// In which Linux tells processor time, whatever the machine.
const TICKS_A_SECOND: f64 = 100.0;

/// Environment variables of the program.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// The program as it was built beside the benchmark, with a data directory of its own. It is told to stop with this value.
pub(crate) struct Program {
    process: Process,
    home: TempDir,
    settings: Settings,
    /// Where it serves.
    pub(crate) address: SocketAddr,
}

/// What is resident, in MB of 1,000,000 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    /// The most there was so far.
    pub(crate) peak: f64,
}

impl Program {
    /// Starts `anamnesis VERB` and waits until it serves.
    pub(crate) async fn start(verb: &str, settings: Settings) -> Result<Self> {
        let home = tempfile::tempdir()?;
        // a Postgres of its own runs as a user without rights and has to pass
        fs::set_permissions(home.path(), Permissions::from_mode(0o711))?;
        let log = home.path().join("log");
        let mut command = command(home.path(), &settings)?;
        command.args([verb, "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut process = Process(command.spawn()?);
        let address = process.address(&log).await?;
        Ok(Self { process, home, settings, address })
    }

    /// Makes the first administrator on the host; answers the password.
    pub(crate) async fn administrator(&self, email: &str) -> Result<String> {
        let mut command = command(self.home.path(), &self.settings)?;
        command.args(["account", "create", "--email", email, "--json"]);
        let made = tokio::task::spawn_blocking(move || command.output()).await??;
        ensure!(made.status.success(), "no administrator was made: {}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout)?;
        Ok(made["password"].as_str().context("no password was made")?.to_owned())
    }

    /// Its own memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        Ok(Memory { now: megabytes(&status, "VmRSS:")?, peak: megabytes(&status, "VmHWM:")? })
    }

    /// The memory of the Postgres that it has started, in MB; what its processes share counts once.
    pub(crate) fn postgres_memory(&self) -> Result<f64> {
        let postmaster = fs::read_to_string(self.home.path().join("data/postgres/cluster/postmaster.pid"))?;
        let postmaster = postmaster.lines().next().context("no postmaster")?.to_owned();
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
        let shares = std::iter::once(postmaster.as_str()).chain(children.split_whitespace()).filter_map(|process| {
            // one may have ended meanwhile
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
            Some(megabytes(&rollup, "Pss:"))
        });
        shares.sum()
    }

    /// The address of the database in the Postgres that it has started, as a superuser.
    pub(crate) fn postgres_url(&self) -> Result<String> {
        let data = self.home.path().join("data");
        let [password, port] = ["postgres.password", "postgres.port"].map(|file| fs::read_to_string(data.join(file)));
        Ok(format!("postgres://postgres:{}@127.0.0.1:{}/anamnesis", password?.trim(), port?.trim()))
    }

    /// What that Postgres writes down.
    pub(crate) fn postgres_log(&self) -> PathBuf {
        self.home.path().join("data/log/postgres.log")
    }

    /// Seconds of processor time that it has taken so far.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        processor_seconds(&self.process.0.id().to_string())
    }
}

/// Seconds of processor time that a process has taken so far; `self`: this one.
pub(crate) fn processor_seconds(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // after the program's name in brackets come the state and further fields, the 12th and 13th of which are the user's and the kernel's time (proc_pid_stat(5))
    let fields = stat.rsplit_once(')').context("another /proc than Linux's")?.1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_A_SECOND)
}

/// `VmRSS:     1234 kB`
fn megabytes(table: &str, name: &str) -> Result<f64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("/proc says no {name}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim_end().parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}

/// The program on the data directory in a folder, with nothing of our own environment's settings.
fn command(home: &Path, settings: &Settings) -> Result<Command> {
    let mut command = Command::new(program()?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ANAMNESIS_")) {
        command.env_remove(name);
    }
    command.envs(settings.iter().map(|(name, value)| (name, value))).env("ANAMNESIS_METRICS_LISTEN", "127.0.0.1:0");
    command.env("ANAMNESIS_DATA_DIR", home.join("data")).current_dir(home);
    Ok(command)
}

fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("anamnesis");
    ensure!(program.exists(), "{} isn't there: ./dev bench builds it", program.display());
    Ok(program)
}

struct Process(Child);

impl Process {
    async fn address(&mut self, log: &Path) -> Result<SocketAddr> {
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(log)?;
            if let Some((_, rest)) = said.split_once("serving http://")
                && let Some(address) = rest.split_whitespace().next()
            {
                return Ok(address.parse()?);
            }
            if let Some(status) = self.0.try_wait()? {
                bail!("the program ended ({status}):\n{said}");
            }
            ensure!(began.elapsed() < START_LIMIT, "the program doesn't start:\n{said}");
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Process {
    /// As a service manager would, so that its Postgres ends too.
    fn drop(&mut self) {
        let told = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.0.id().to_string()]).status();
        let began = Instant::now();
        while told.is_ok() && began.elapsed() < STOP_LIMIT {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        println!("the program didn't stop by itself");
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_linux_writes_them() {
        let status = "VmHWM:\t   20000 kB\nVmRSS:\t   10000 kB\n";
        assert!((megabytes(status, "VmRSS:").unwrap() - 10.24).abs() < f64::EPSILON);
        assert!(megabytes(status, "VmSwap:").is_err());
        let before = processor_seconds("self").unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(200) {}
        assert!(processor_seconds("self").unwrap() > before);
    }
}
