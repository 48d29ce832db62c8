//! How do the parts of the system run in processes of their own, so that one can fail while the others go on?

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Child, Stdio};
use std::sync::{Mutex, MutexGuard, Once};
use std::time::Duration;

use crate::server::signal;
use crate::{Clinic, Database, Server, Settings, eventually, unique};

/// A part that runs in a process of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// `serve`
    Serve,
    /// `sequence`
    Sequence,
    /// `publish`
    Publish,
    /// `project`; of these there may be several, told apart by a number.
    Project(u8),
    /// `project --only`, of one read model.
    Only(&'static str),
}

impl Part {
    fn verb(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Sequence => "sequence",
            Self::Publish => "publish",
            Self::Project(_) | Self::Only(_) => "project",
        }
    }

    /// What stands behind the program's name.
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Only(projection) => vec![self.verb(), "--only", projection],
            Self::Serve | Self::Sequence | Self::Publish | Self::Project(_) => vec![self.verb()],
        }
    }

    /// What its files are called.
    fn name(self) -> String {
        match self {
            Self::Project(number) => format!("project-{number}"),
            Self::Only(projection) => format!("project-{projection}"),
            Self::Serve | Self::Sequence | Self::Publish => self.verb().to_owned(),
        }
    }
}

/// The parts of one installation. They and their database end with this value, or with the tests.
pub struct Apart {
    /// Who works there, through `serve`.
    pub clinic: Clinic,
    parts: Mutex<BTreeMap<Part, Child>>,
    // after what works on it
    _database: OwnDatabase,
}

impl Apart {
    /// Starts them all at once, with so many processes that project, and waits until they are ready.
    pub fn start(settings: &[(&'static str, &'static str)], projecting: u8) -> Self {
        let database = OwnDatabase::create();
        let of_database = [("ANAMNESIS_DATABASE_URL", &*database.url().leak())];
        let settings: Settings = [settings, &of_database].concat().leak();
        let apart = Self { clinic: Clinic::at(Server::serving(settings)), parts: Mutex::default(), _database: database };
        for part in [Part::Sequence, Part::Publish].into_iter().chain((1..=projecting).map(Part::Project)) {
            apart.begin(part);
        }
        apart.clinic.server.up();
        apart
    }

    /// Starts a part, again or for the first time, and waits for nothing.
    pub fn begin(&self, part: Part) {
        if part == Part::Serve {
            self.clinic.server.launch(&[]);
            return;
        }
        let folder = self.clinic.server.scratch();
        let log = File::options().create(true).append(true).open(folder.join(format!("{}.log", part.name()))).unwrap();
        let mut command = self.clinic.server.command(&part.arguments());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0).spawn().unwrap();
        fs::write(folder.join(format!("{}.pid", part.name())), format!("{}\n", process.id())).unwrap();
        let before = self.parts().insert(part, process);
        assert!(before.is_none(), "{part:?} was started before");
    }

    /// `kill -9`.
    pub fn kill(&self, part: Part) {
        if part == Part::Serve {
            return self.clinic.server.kill();
        }
        let mut process = self.take(part);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to stop, as a service manager does, and waits; answers its exit code.
    pub fn stop(&self, part: Part) -> Option<i32> {
        if part == Part::Serve {
            return self.clinic.server.stop();
        }
        let mut process = self.take(part);
        signal("TERM", process.id());
        eventually("the part stops", Duration::from_mins(1), || process.try_wait().unwrap()).code()
    }

    /// Lets it stand where it is, as a machine without time for it would. `resume` lets it go on.
    pub fn freeze(&self, part: Part) {
        signal("STOP", self.parts()[&part].id());
    }

    /// Lets what was frozen go on.
    pub fn resume(&self, part: Part) {
        signal("CONT", self.parts()[&part].id());
    }

    /// Panics if a part ended that nobody ended: for tests that say "without a restart".
    #[track_caller]
    pub fn expect_all_running(&self) {
        assert!(self.clinic.server.is_running(), "serve ended");
        for (part, process) in &mut *self.parts() {
            assert!(process.try_wait().unwrap().is_none(), "{part:?} ended:\n{}", self.log(*part));
        }
    }

    /// The last of what a part said.
    pub fn log(&self, part: Part) -> String {
        let file = match part {
            Part::Serve => self.clinic.server.log(),
            Part::Sequence | Part::Publish | Part::Project(_) | Part::Only(_) => self.clinic.server.scratch().join(format!("{}.log", part.name())),
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn take(&self, part: Part) -> Child {
        self.parts().remove(&part).unwrap_or_else(|| panic!("{part:?} doesn't run"))
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, Child>> {
        self.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.clinic.server.run(&["projection", "list"]));
            let often = [Part::Serve, Part::Sequence, Part::Publish, Part::Project(1), Part::Project(2), Part::Project(3)];
            let others = self.parts().keys().copied().filter(|part| !often.contains(part)).collect::<Vec<_>>();
            for part in often.into_iter().chain(others) {
                eprintln!("--- {}\n{}", part.name(), self.log(part));
            }
        }
        for process in self.parts().values_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A database of a test's own on the server that `./dev test` started: one that no part owns.
struct OwnDatabase(String);

/// What their names begin with; then comes the number of the process whose tests work on it.
const PREFIX: &str = "anamnesis_apart_";

static SWEPT: Once = Once::new();

/// Drops what tests left that have ended: a static is never dropped, and a killed process drops nothing.
fn sweep(server: &mut Database) {
    let names: Vec<String> = server.all("select datname::text from pg_database");
    let is_left = |name: &&String| {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        process.is_some_and(|process| !Path::new("/proc").join(process).exists())
    };
    for name in names.iter().filter(is_left) {
        server.execute(&format!("drop database if exists {name} with (force)"));
    }
}

impl OwnDatabase {
    fn create() -> Self {
        let mut server = Database::at(&server_url()).expect("Postgres answers");
        SWEPT.call_once(|| sweep(&mut server));
        let name = format!("{PREFIX}{}_{}", process::id(), unique());
        server.execute(&format!("create database {name}"));
        Self(name)
    }

    fn url(&self) -> String {
        let server = server_url();
        format!("{}/{}", server.rsplit_once('/').unwrap().0, self.0)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        if let Some(mut server) = Database::at(&server_url()) {
            server.execute(&format!("drop database {} with (force)", self.0));
        }
    }
}

fn server_url() -> String {
    env::var("ANAMNESIS_TEST_DATABASE_URL").expect("ANAMNESIS_TEST_DATABASE_URL isn't set: ./dev test does")
}
