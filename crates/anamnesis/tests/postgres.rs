//! Does the server in the data directory survive what happens to servers, and to us?
//!
//! As root these tests run it as an unprivileged user and, for one of them, everything as `nobody`; as an ordinary user, as that user.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anamnesis::data_dir::DataDir;
use anamnesis::postgres::{Address, EmbeddedPostgres};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// In every Linux, the account without rights.
const NOBODY: u32 = 65_534;

/// Names the data directory for the test that plays the process to be killed.
const HOST: &str = "ANAMNESIS_TEST_POSTGRES_HOST";

#[tokio::test]
async fn the_first_start_makes_a_cluster_that_only_its_password_opens() {
    let dir = open_folder();
    let postgres = start(dir.path());
    let url = postgres.url("postgres");
    let facts = "select concat_ws(' ', current_setting('server_encoding'), current_setting('data_checksums'),
        current_setting('listen_addresses'), current_setting('fsync'), current_setting('TimeZone'))";
    assert_eq!(ask(&url, facts).await, "UTF8 on 127.0.0.1 on UTC");

    let (left, _) = url.expose_secret().split_once("//postgres:").unwrap();
    let (_, right) = url.expose_secret().split_once('@').unwrap();
    let refused = PgConnection::connect(&format!("{left}//postgres:guessed@{right}")).await;
    assert!(refused.unwrap_err().to_string().contains("password authentication failed"));
    let password = fs::metadata(dir.path().join("postgres.password")).unwrap();
    assert_eq!(password.mode() & 0o777, 0o600);
    postgres.stop().unwrap();
}

#[tokio::test]
async fn a_second_start_finds_the_data_on_the_same_port() {
    let dir = open_folder();
    let first = start(dir.path());
    let url = first.url("postgres");
    run(&url, "create table kept as select 42 as answer").await;
    first.stop().unwrap();
    assert!(PgConnection::connect(url.expose_secret()).await.is_err(), "the server is stopped");

    let second = start(dir.path());
    assert_eq!(second.url("postgres").expose_secret(), url.expose_secret());
    assert_eq!(ask(&url, "select answer::text from kept").await, "42");
}

#[tokio::test]
async fn a_port_that_somebody_took_is_left_to_them() {
    let dir = open_folder();
    start(dir.path()).stop().unwrap();
    let port: u16 = fs::read_to_string(dir.path().join("postgres.port")).unwrap().parse().unwrap();
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();

    let postgres = start(dir.path());
    assert!(!postgres.url("postgres").expose_secret().contains(&format!(":{port}/")));
    assert_eq!(ask(&postgres.url("postgres"), "select 'here'").await, "here");
}

#[test]
fn a_data_directory_has_one_user_at_a_time() {
    let dir = open_folder();
    let first = DataDir::open(dir.path()).unwrap();
    let refused = DataDir::open(dir.path()).unwrap_err().to_string();
    let holder = format!("another anamnesis (process {}) is using", std::process::id());
    assert!(refused.contains(&holder), "{refused}");
    drop(first);
    DataDir::open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data() {
    let dir = open_folder();
    let postgres = start(dir.path());
    let url = postgres.url("postgres");
    run(&url, "create table kept as select 42 as answer").await;
    kill_9(postmaster(dir.path()));
    assert_eq!(ask_until_answered(&url, "select answer::text from kept").await, "42");

    kill_9(postmaster(dir.path()));
    assert_eq!(ask_until_answered(&url, "select answer::text from kept").await, "42");
    postgres.stop().unwrap();
    assert!(!dir.path().join("postgres/cluster/postmaster.pid").exists());
}

#[tokio::test]
async fn a_server_that_outlived_us_is_adopted() {
    let dir = open_folder();
    let mut host = Host::start(dir.path(), None);
    let url = Address::of_running(dir.path()).unwrap().unwrap().url("postgres");
    run(&url, "create table kept as select 42 as answer").await;
    host.kill_9();
    let outlived = postmaster(dir.path());

    let postgres = start(dir.path());
    assert_eq!(postmaster(dir.path()), outlived, "the same process serves us");
    assert_eq!(ask(&postgres.url("postgres"), "select answer::text from kept").await, "42");
    kill_9(outlived);
    assert_eq!(ask_until_answered(&url, "select answer::text from kept").await, "42");
    postgres.stop().unwrap();
    assert!(Address::of_running(dir.path()).unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_died_with_us_recovers() {
    let dir = open_folder();
    let mut host = Host::start(dir.path(), None);
    let url = Address::of_running(dir.path()).unwrap().unwrap().url("postgres");
    run(&url, "create table kept as select 42 as answer").await;
    host.kill_9();
    kill_9(postmaster(dir.path()));

    let postgres = start(dir.path());
    assert_eq!(ask(&postgres.url("postgres"), "select answer::text from kept").await, "42");
}

#[tokio::test]
async fn a_crashed_servers_number_may_belong_to_a_stranger_now() {
    let dir = open_folder();
    start(dir.path()).stop().unwrap();
    let cluster = dir.path().join("postgres/cluster");
    let owner = fs::metadata(&cluster).unwrap();
    let mut stranger = Command::new("sleep").arg("60").uid(owner.uid()).gid(owner.gid()).spawn().unwrap();
    let file = cluster.join("postmaster.pid");
    fs::write(&file, format!("{}\n{}\n1700000000\n", stranger.id(), cluster.display())).unwrap();
    chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();

    let postgres = start(dir.path());
    assert_eq!(ask(&postgres.url("postgres"), "select 'here'").await, "here");
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn an_interrupted_initdb_is_begun_anew() {
    let dir = open_folder();
    start(dir.path()).stop().unwrap();
    let home = dir.path().join("postgres");
    fs::rename(home.join("cluster"), home.join("unfinished-1")).unwrap();
    fs::write(home.join("unfinished-password"), "old").unwrap();
    let postgres = start(dir.path());
    assert_eq!(ask(&postgres.url("postgres"), "select 'here'").await, "here");
    let left: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cluster"]);
}

#[test]
fn the_server_never_runs_as_root() {
    let dir = open_folder();
    let postgres = start(dir.path());
    let process = fs::metadata(format!("/proc/{}", postmaster(dir.path()))).unwrap();
    assert_ne!(process.uid(), 0);
    if !we_are_root() {
        assert_eq!(process.uid(), fs::metadata(dir.path()).unwrap().uid());
    }
    drop(postgres);
}

/// As root we become `nobody`; otherwise we are an ordinary user already.
#[tokio::test]
async fn an_ordinary_user_needs_nobody_else() {
    let dir = open_folder();
    let uid = we_are_root().then_some(NOBODY);
    chown(dir.path(), uid, uid).unwrap();
    let mut host = Host::start(dir.path(), uid);
    let owner = fs::metadata(dir.path()).unwrap().uid();
    for made in ["lock", "postgres.password", "postgres.port", "log/postgres.log", "postgres/cluster/PG_VERSION"] {
        assert_eq!(fs::metadata(dir.path().join(made)).unwrap().uid(), owner, "{made}");
    }
    let url = Address::of_running(dir.path()).unwrap().unwrap().url("postgres");
    assert_eq!(ask(&url, "select 'here'").await, "here");
    host.close();
    assert!(Address::of_running(dir.path()).unwrap().is_none(), "it stopped its server");
}

#[tokio::test]
async fn a_data_directory_below_a_closed_folder_works() {
    let closed = TempDir::new().unwrap();
    fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let data = closed.path().join("deep/data");
    let postgres = start(&data);
    run(&postgres.url("postgres"), "create table kept as select 42 as answer").await;
    postgres.stop().unwrap();
    let postgres = start(&data);
    assert_eq!(ask(&postgres.url("postgres"), "select answer::text from kept").await, "42");
    postgres.stop().unwrap();

    let mode = fs::metadata(closed.path()).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700, "a folder that isn't ours stays closed");
    if let Ok(outside) = fs::read_link(data.join("postgres")) {
        fs::remove_dir_all(outside).unwrap();
    }
}

#[tokio::test]
async fn the_log_quotes_neither_statements_nor_values() {
    let dir = open_folder();
    let postgres = start(dir.path());
    let url = postgres.url("postgres");
    run(&url, "create table people (name text unique check (length(name) < 30))").await;
    run(&url, "insert into people values ('Canaryname')").await;
    let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
    for wrong in ["insert into people values ('Canaryname')", "select 'Canaryname'::int", "select Canaryname"] {
        sqlx::query(wrong).execute(&mut connection).await.unwrap_err();
    }
    let bound = sqlx::query("select $1::int4::text").bind(7).execute(&mut connection).await;
    assert_eq!(bound.unwrap().rows_affected(), 1);
    let bound = sqlx::query("insert into people values ($1)").bind("Canaryname").execute(&mut connection).await;
    bound.unwrap_err();

    // A backend that dies in the middle of a statement: the server would log that statement.
    let backend = ask_on(&mut connection, "select pg_backend_pid()::text").await;
    let statement = tokio::spawn(async move { sqlx::query("select pg_sleep(600), 'Canaryname'").execute(&mut connection).await.map(|_| ()) });
    let running = "select count(*)::text from pg_stat_activity where query like 'select pg_sleep%'";
    while ask(&url, running).await == "0" {}
    kill_9(backend.parse().unwrap());
    statement.await.unwrap().unwrap_err();
    ask_until_answered(&url, "select 'here'").await;
    postgres.stop().unwrap();

    let log = fs::read_to_string(dir.path().join("log/postgres.log")).unwrap();
    assert!(log.contains("was terminated by signal 9"), "{log}");
    assert!(!log.to_lowercase().contains("canaryname"), "{log}");
}

#[test]
fn programs_that_do_not_fit_are_refused_with_advice() {
    let dir = open_folder();
    let programs = TempDir::new().unwrap();
    let error = refused(dir.path(), programs.path());
    assert!(error.contains("holds no PostgreSQL server: initdb is missing"), "{error}");

    fake_programs(programs.path(), "14.9 (Debian 14.9-1)");
    let error = refused(dir.path(), programs.path());
    assert!(error.contains("need PostgreSQL 15 or later; found: PostgreSQL 14 in"), "{error}");
    assert!(error.contains("ANAMNESIS_POSTGRES_BIN"), "{error}");
    start(dir.path()).stop().unwrap();

    fake_programs(programs.path(), "99.1");
    let error = refused(dir.path(), programs.path());
    assert!(error.contains("which made the cluster in this data directory; found: PostgreSQL 99 in"), "{error}");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let dir = open_folder();
    start(dir.path()).stop().unwrap();
    let configuration = dir.path().join("postgres/cluster/postgresql.conf");
    fs::write(configuration, "no_such_setting = 1").unwrap();
    let error = EmbeddedPostgres::start(&DataDir::open(dir.path()).unwrap(), None).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

/// Not a test of its own: the process that other tests kill. It keeps a server until its standard input ends.
#[test]
fn host() {
    let Some(folder) = env::var_os(HOST) else {
        return;
    };
    let data_dir = DataDir::open(Path::new(&folder)).unwrap();
    let postgres = EmbeddedPostgres::start(&data_dir, None).unwrap();
    fs::write(data_dir.path().join("host-is-ready"), "").unwrap();
    std::io::stdin().lines().for_each(drop);
    postgres.stop().unwrap();
}

/// This test binary in a process of its own, playing `host`.
struct Host(Child);

impl Host {
    fn start(folder: &Path, uid: Option<u32>) -> Self {
        // Another user may not reach the build's folder.
        let copy = folder.join("host");
        fs::copy(env::current_exe().unwrap(), &copy).unwrap();
        fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new(copy);
        command.args(["--exact", "host"]).env(HOST, folder).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let mut host = Self(command.spawn().unwrap());
        within(Duration::from_mins(1), || {
            assert!(host.0.try_wait().unwrap().is_none(), "{}", host.told());
            folder.join("host-is-ready").exists().then_some(())
        });
        host
    }

    fn kill_9(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn close(&mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success(), "{}", self.told());
    }

    fn told(&mut self) -> String {
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        lines.map_while(Result::ok).collect::<Vec<_>>().join("\n")
    }
}

/// A server whose data directory stays locked as long as it runs.
struct Running {
    postgres: EmbeddedPostgres,
    _data_dir: DataDir,
}

impl Running {
    fn url(&self, database: &str) -> SecretString {
        self.postgres.url(database)
    }

    fn stop(self) -> anyhow::Result<()> {
        self.postgres.stop()
    }
}

fn start(folder: &Path) -> Running {
    let data_dir = DataDir::open(folder).unwrap();
    Running { postgres: EmbeddedPostgres::start(&data_dir, None).unwrap(), _data_dir: data_dir }
}

fn refused(folder: &Path, programs: &Path) -> String {
    let data_dir = DataDir::open(folder).unwrap();
    EmbeddedPostgres::start(&data_dir, Some(programs)).unwrap_err().to_string()
}

/// Not under a closed folder, which is another test's matter.
fn open_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn fake_programs(folder: &Path, version: &str) {
    for program in ["initdb", "pg_ctl", "postgres"] {
        let path: PathBuf = folder.join(program);
        // Written under another name, because a file that is still open for writing can't be run.
        let draft = folder.join("draft");
        File::create(&draft).unwrap();
        fs::write(&draft, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&draft, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(draft, path).unwrap();
    }
}

fn postmaster(folder: &Path) -> u32 {
    within(Duration::from_secs(30), || {
        let text = fs::read_to_string(folder.join("postgres/cluster/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    })
}

fn kill_9(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn we_are_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

async fn run(url: &SecretString, statement: &str) {
    let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
}

async fn ask(url: &SecretString, question: &str) -> String {
    let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
    ask_on(&mut connection, question).await
}

async fn ask_on(connection: &mut PgConnection, question: &str) -> String {
    sqlx::query_scalar(question).fetch_one(connection).await.unwrap()
}

async fn ask_until_answered(url: &SecretString, question: &str) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Ok(mut connection) = PgConnection::connect(url.expose_secret()).await
            && let Ok(answer) = sqlx::query_scalar(question).fetch_one(&mut connection).await
        {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
