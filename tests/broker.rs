//! What does somebody see and do who runs Kafka? A broker of the test's own: one that others use can't be killed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::binary::root;
use crate::server::signal;
use crate::watchdog::Watchdog;

/// A Kafka of one broker, as the stack's, until this is dropped.
pub struct Broker {
    folder: TempDir,
    watchdog: Watchdog,
}

impl Broker {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("anm-kafka-").tempdir_in("/tmp").unwrap();
        fs::write(folder.path().join("engine"), "native\n").unwrap();
        let broker = Self { watchdog: Watchdog::over(folder.path()), folder };
        broker.up();
        broker
    }

    /// Starts it again, with what it had, on the same port.
    pub fn up(&self) {
        let script = "source ./dev help >/dev/null; STACK=$1; fetch_java_parts; kafka_choose; kafka_up; kafka_ready";
        let mut command = Command::new("bash");
        command.args(["-c", script, "broker"]).arg(self.folder.path()).current_dir(root()).stdin(Stdio::null());
        assert!(command.status().unwrap().success(), "a Kafka starts");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        signal("KILL", self.read("kafka/pid").parse().unwrap());
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.read("kafka/port"))
    }

    fn read(&self, file: &str) -> String {
        let path: PathBuf = self.folder.path().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.watchdog.act();
    }
}
