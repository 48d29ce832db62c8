//! How does a server of a test's own come up, die and go?

use std::fs::{self, File, Permissions};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::program;
use crate::watchdog::Watchdog;
use crate::{Answer, Background, Client, Database, Role, Run, eventually, people};

/// How long a start may take: it may make a cluster, on a machine that is busy.
const START_LIMIT: Duration = Duration::from_mins(3);

/// Environment variables of the program.
pub type Settings = &'static [(&'static str, &'static str)];

/// `anamnesis up` on a data directory of its own. It and its Postgres end with this value, or with the tests.
pub struct Server {
    home: TempDir,
    verb: &'static str,
    settings: Settings,
    watchdog: Watchdog,
    running: Mutex<Option<Running>>,
    administrator: OnceLock<Client>,
}

struct Running {
    process: Child,
    /// None before it has said so.
    address: Option<SocketAddr>,
}

impl Server {
    /// Starts one on a new data directory and waits until it is ready.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with settings, as environment variables.
    pub fn with(settings: Settings) -> Self {
        let server = Self::new(settings);
        server.up();
        server
    }

    /// A home where nothing runs yet.
    pub fn new(settings: Settings) -> Self {
        Self::of("up", settings)
    }

    /// The same for `anamnesis serve`, which needs the other parts beside it.
    pub(crate) fn serving(settings: Settings) -> Self {
        Self::of("serve", settings)
    }

    fn of(verb: &'static str, settings: Settings) -> Self {
        let home = tempfile::Builder::new().prefix("anm-").tempdir_in("/tmp").unwrap();
        // Postgres runs as a user without rights and has to pass
        fs::set_permissions(home.path(), Permissions::from_mode(0o711)).unwrap();
        let watchdog = Watchdog::over(home.path());
        Self { home, verb, settings, watchdog, running: Mutex::new(None), administrator: OnceLock::new() }
    }

    /// Starts the program and waits until it is ready; after the first time on the same port as before.
    pub fn up(&self) {
        self.up_with(&[]);
    }

    /// The same with more arguments.
    pub fn up_with(&self, arguments: &[&str]) {
        let logged = self.launch(arguments);
        self.await_address(logged);
        self.wait_until_ready();
    }

    /// Starts it and waits for nothing; answers where its log began.
    pub fn launch(&self, arguments: &[&str]) -> u64 {
        let mut running = self.running.lock().unwrap();
        let listen = running.as_ref().and_then(|before| before.address).map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let logged = log.metadata().unwrap().len();
        let mut command = self.command(&[self.verb, "--listen", &listen]);
        let out = File::options().create(true).append(true).open(self.home.path().join("up.out")).unwrap();
        command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(log).process_group(0);
        let process = command.spawn().unwrap();
        fs::write(self.home.path().join("server.pid"), format!("{}\n", process.id())).unwrap();
        let address = running.as_ref().and_then(|before| before.address);
        *running = Some(Running { process, address });
        logged
    }

    fn await_address(&self, logged: u64) {
        let mut running = self.running.lock().unwrap();
        let Running { process, address } = running.as_mut().unwrap();
        *address = Some(eventually("the server says where it serves", START_LIMIT, || {
            let said = self.logged_since(logged);
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the server ended ({status}):\n{said}");
            }
            said.split_once("serving http://").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        }));
    }

    /// Waits for `/health/ready` to say so.
    pub fn wait_until_ready(&self) {
        let anonymous = self.anonymous();
        eventually("the server is ready", START_LIMIT, || anonymous.request("GET", "/health/ready").try_send().filter(|answer| answer.status == 200));
    }

    /// `kill -9`. Postgres lives on, as it would.
    pub fn kill(&self) {
        let mut running = self.running.lock().unwrap();
        let process = &mut running.as_mut().unwrap().process;
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to stop, as a service manager does, and waits; answers its exit code.
    pub fn stop(&self) -> Option<i32> {
        let mut running = self.running.lock().unwrap();
        let process = &mut running.as_mut().unwrap().process;
        signal("TERM", process.id());
        let status = eventually("the server stops", Duration::from_mins(1), || process.try_wait().unwrap());
        status.code()
    }

    /// Whether the process that was started last still runs: for tests that say "without a restart".
    pub fn is_running(&self) -> bool {
        self.running.lock().unwrap().as_mut().is_some_and(|running| running.process.try_wait().unwrap().is_none())
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A folder for what the test itself writes.
    pub fn scratch(&self) -> &Path {
        self.home.path()
    }

    /// Everything that it said on standard error.
    pub fn log(&self) -> PathBuf {
        self.home.path().join("up.log")
    }

    /// Everything that it said on standard output.
    pub fn out(&self) -> String {
        fs::read_to_string(self.home.path().join("up.out")).unwrap_or_default()
    }

    /// The same, from a byte on.
    fn logged_since(&self, start: u64) -> String {
        let mut file = File::open(self.log()).unwrap();
        file.seek(SeekFrom::Start(start)).unwrap();
        let mut text = Vec::new();
        file.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The program on this data directory, with nothing of our own environment's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare_command(self.home.path());
        // a busy machine is no reason for an answer without a position
        command.env("ANAMNESIS_POSITION_WAIT_MS", "500");
        // tests count events, and many servers run at once
        command.env("ANAMNESIS_CANARY_EVERY_MS", "0").env("ANAMNESIS_METRICS_LISTEN", "127.0.0.1:0");
        command.envs(self.settings.iter().copied()).arg("--data-dir").arg(self.data_dir()).args(arguments);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Runs the program beside the test.
    pub fn run_in_background(&self, arguments: &[&str]) -> Background {
        Background::of(&mut self.command(arguments))
    }

    /// Somebody who hasn't signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(&format!("http://{}", self.address()))
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.running.lock().unwrap().as_ref().and_then(|running| running.address).expect("the server was started")
    }

    /// The first administrator, made on the host.
    pub fn administrator(&self) -> &Client {
        self.administrator.get_or_init(|| {
            let email = "admin@clinic.example";
            let created = self.run(&["account", "create", "--email", email, "--json"]).json();
            self.anonymous().sign_in(email, created["password"].as_str().unwrap())
        })
    }

    /// Somebody new with a role, signed in.
    pub fn somebody(&self, role: Role) -> Client {
        self.somebody_linked(role, &Value::Null)
    }

    /// The same, with the owner's own records: `{"patient_id": …}`.
    pub fn somebody_linked(&self, role: Role, links: &Value) -> Client {
        let (email, password) = (format!("{}@clinic.example", people::unique()), people::unique());
        let account = people::new_account(&email, role, links);
        let body = serde_json::json!({ "account": account, "password": password });
        self.administrator().post("/v1/accounts", &body).expect(201);
        self.anonymous().sign_in(&email, &password)
    }

    /// The database, as its superuser.
    pub fn database(&self) -> Database {
        self.try_database().expect("Postgres answers")
    }

    /// The same; `None` before there is one.
    pub fn try_database(&self) -> Option<Database> {
        let elsewhere = self.settings.iter().find(|(name, _)| *name == "ANAMNESIS_DATABASE_URL");
        elsewhere.map_or_else(|| Database::of(&self.data_dir()), |(_, url)| Database::at(url))
    }

    /// Asks for `path` until it isn't refused as unavailable.
    pub fn eventually_answers(&self, client: &Client, path: &str) -> Answer {
        eventually("the server recovers", Duration::from_mins(1), || client.request("GET", path).try_send().filter(|answer| answer.status != 503))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(running)) = self.running.get_mut().map(Option::as_mut) {
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
        self.watchdog.act();
    }
}

/// The program without a data directory, in a folder where no settings lie.
pub(crate) fn bare_command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ANAMNESIS_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").current_dir(folder);
    command
}

/// Sends a signal to one process, by its number.
pub(crate) fn signal(name: &str, process: u32) {
    // it may be gone already: then there is nothing to do
    Command::new("sh").args(["-c", r#"kill "-$0" "$1""#, name, &process.to_string()]).stderr(Stdio::null()).status().unwrap();
}
