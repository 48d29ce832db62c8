//! What does somebody see and do who runs the cache? A Redis of the test's own: one that others use can't be killed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::{Client, Connection, cmd};
use tempfile::TempDir;

use crate::watchdog::Watchdog;
use crate::{eventually, unique};

/// A Redis with a password, until this is dropped or the tests end.
pub struct Redis {
    folder: TempDir,
    watchdog: Watchdog,
    port: u16,
    password: String,
    process: Option<Child>,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::Builder::new().prefix("anm-redis-").tempdir_in("/tmp").unwrap();
        let mut redis = Self { watchdog: Watchdog::over(folder.path()), folder, port, password: unique(), process: None };
        redis.up();
        redis
    }

    /// Starts it again, empty, on the same port.
    pub fn up(&mut self) {
        let settings = format!("bind 127.0.0.1\nport {}\nrequirepass {}\nsave \"\"\nappendonly no\n", self.port, self.password);
        fs::write(self.folder.path().join("redis.conf"), settings).unwrap();
        let mut command = Command::new("redis-server");
        command.arg("redis.conf").current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let process = command.spawn().expect("redis-server is installed");
        fs::write(self.folder.path().join("redis.pid"), format!("{}\n", process.id())).unwrap();
        self.process = Some(process);
        eventually("Redis answers", Duration::from_secs(20), || self.connect());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Where it is, with the password.
    pub fn url(&self) -> String {
        format!("redis://default:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// What nobody may read in a log.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Forgets everything.
    pub fn flush(&self) {
        let () = cmd("FLUSHALL").query(&mut self.connection()).unwrap();
    }

    /// Every key, and the bytes under it.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.connection();
        let names: Vec<String> = cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let held = names.into_iter().map(|name| (cmd("GET").arg(&name).query::<Option<Vec<u8>>>(&mut connection).unwrap(), name));
        held.filter_map(|(value, name)| Some((name, value?))).collect()
    }

    /// In how many seconds it forgets what it has under a key; `None`: never, or there is nothing.
    pub fn forgets_in(&self, key: &str) -> Option<u64> {
        let left: i64 = cmd("TTL").arg(key).query(&mut self.connection()).unwrap();
        u64::try_from(left).ok()
    }

    /// All that it holds, in a file that isn't compressed.
    pub fn saved(&self) -> PathBuf {
        let mut connection = self.connection();
        let () = cmd("CONFIG").arg("SET").arg("rdbcompression").arg("no").query(&mut connection).unwrap();
        let () = cmd("SAVE").query(&mut connection).unwrap();
        self.folder.path().join("dump.rdb")
    }

    /// Forgets what it has under a key.
    pub fn forget(&self, key: &str) {
        let () = cmd("DEL").arg(key).query(&mut self.connection()).unwrap();
    }

    /// Puts something there, as somebody else would.
    pub fn set(&self, key: &str, value: &str) {
        let () = cmd("SET").arg(key).arg(value).query(&mut self.connection()).unwrap();
    }

    fn connect(&self) -> Option<Connection> {
        Client::open(self.url()).unwrap().get_connection_with_timeout(Duration::from_secs(1)).ok()
    }

    fn connection(&self) -> Connection {
        self.connect().expect("Redis answers")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        self.watchdog.act();
    }
}
