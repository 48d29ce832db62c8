//! A server of a test's own, when a database in the tests' cluster isn't enough.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::SOON;

/// The only role in it to begin with: not the one that the tests' cluster began with, so that this comes with the roles.
const SUPERUSER: &str = "operator";

/// A cluster that was just made, and its server; gone with this value, and the server with its test, however that ends.
pub(crate) struct Cluster {
    folder: TempDir,
    server: Child,
    options: PgConnectOptions,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let (folder, password) = (tempfile::tempdir().unwrap(), Uuid::new_v4().to_string());
        let (data, secret) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&secret, &password).unwrap();
        if let Some((user, group)) = server_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
            chown(&secret, Some(user), Some(group)).unwrap();
        }
        let how = ["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"];
        run(as_server("initdb").arg("--pgdata").arg(&data).arg("--pwfile").arg(secret).args(how));

        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut server = as_server("postgres");
        server.arg("-D").arg(data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-F"]);
        let server = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let options = PgConnectOptions::new().host("127.0.0.1").port(port).username(SUPERUSER).password(&password).database("postgres");
        let cluster = Self { folder, server, options };
        cluster.answers().await;
        cluster
    }

    async fn answers(&self) {
        let answered = tokio::time::timeout(SOON, async {
            while PgConnection::connect_with(&self.options).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(answered.await.is_ok(), "the server doesn't start: {}", log());
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// A program of the newest Postgres that is installed: it can read any older server.
pub(crate) fn program(name: &str) -> Command {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    Command::new(newest.map_or(PathBuf::from(name), |version| format!("/usr/lib/postgresql/{version}/bin/{name}").into()))
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// As another account if we are root, whom PostgreSQL refuses. Ends when the thread ends that starts it.
fn as_server(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some((user, group)) = server_user() {
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program(name).get_program()).current_dir("/");
    command
}

/// Whose ids the server gets, if we are root.
fn server_user() -> Option<(u32, u32)> {
    let root = Path::new("/proc/self").metadata().unwrap().uid() == 0;
    root.then(|| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let ids = |user: &str| {
            let mut ids = users.lines().find_map(|line| line.strip_prefix(user))?.split(':').skip(1).map(str::parse);
            Some((ids.next()?.ok()?, ids.next()?.ok()?))
        };
        ids("postgres:").or_else(|| ids("nobody:")).expect("there is a user for the server")
    })
}
