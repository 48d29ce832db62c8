//! What can be asked of the program from a terminal?

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

/// Health records that never forget and can prove it.
#[derive(Parser)]
#[command(name = "anamnesis", version, propagate_version = true)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command.
#[derive(Args)]
pub struct Global {
    /// The settings' file [default: anamnesis.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The installation's folder
    #[arg(long, global = true, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run everything in one process
    Up(Up),
    /// Serve HTTP, in a process of its own
    Serve(Serve),
    /// Give events their positions and keep the proof, in a process of its own
    Sequence,
    /// Publish the log to Kafka, in a process of its own
    Publish,
    /// Keep the read models up and act upon events outside, in a process of its own
    Project(Project),
    /// Apply the migrations; idempotent
    Migrate,
    /// Read data in
    #[command(subcommand)]
    Import(Import),
    /// Reconstruct what was known of a patient, at any time
    History(History),
    /// Prove that nothing in the journal was changed, removed or added
    Verify(Verify),
    /// Write event streams out, for analysts
    Replay(Replay),
    /// Operate the read models
    #[command(subcommand)]
    Projection(Projection),
    /// Operate what is done outside because of events
    #[command(subcommand)]
    Reactor(Reactor),
    /// Operate the keys
    #[command(subcommand)]
    Keys(Keys),
    /// Make accounts on the host
    #[command(subcommand)]
    Account(Account),
    /// Check everything this installation depends on
    Doctor,
    /// Print the settings, with secrets masked
    Config,
}

/// `up`
#[derive(Args)]
pub struct Up {
    /// Load the bundled synthetic patients once and print how to sign in
    #[arg(long)]
    pub demo: bool,
    /// What `serve` takes as well.
    #[command(flatten)]
    pub serve: Serve,
}

/// `serve`
#[derive(Args)]
pub struct Serve {
    /// Where HTTP is served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "A")]
    pub listen: Option<SocketAddr>,
}

/// `project`
#[derive(Args)]
pub struct Project {
    /// Only this read model
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
}

/// `import`
#[derive(Subcommand)]
pub enum Import {
    /// FHIR R4 bundles: JSON or NDJSON, also gzipped; entry by entry
    Fhir(ImportFhir),
}

/// `import fhir`
#[derive(Args)]
pub struct ImportFhir {
    /// The organization that gets the data [default: the only one]
    #[arg(long, value_name = "O")]
    pub organization: Option<Uuid>,
    /// Files, or folders with such files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}

/// `history`
#[derive(Args)]
pub struct History {
    /// The patient
    #[arg(long, value_name = "ID")]
    pub patient: Uuid,
    /// As of a time (RFC 3339) or a position of the log [default: now]
    #[arg(long, value_name = "T|P")]
    pub as_of: Option<String>,
    /// What changed between two times or positions
    #[arg(long, num_args = 2, value_names = ["T1", "T2"], conflicts_with = "as_of")]
    pub diff: Option<Vec<String>>,
    /// Add an inclusion proof for each event
    #[arg(long)]
    pub prove: bool,
}

/// `verify`
#[derive(Args)]
pub struct Verify {
    /// Recompute everything, not only what came after the last verified head
    #[arg(long)]
    pub full: bool,
    /// Also compare what is in Kafka with the log
    #[arg(long)]
    pub kafka: bool,
    /// A signed tree head from outside that the log must be consistent with
    #[arg(long, value_name = "FILE")]
    pub tree_head: Option<PathBuf>,
}

/// `replay`
#[derive(Args)]
pub struct Replay {
    /// Only this topic; may be given again
    #[arg(long, value_name = "T")]
    pub topic: Vec<String>,
    /// Only this type of event; may be given again
    #[arg(long = "type", value_name = "E")]
    pub event_type: Vec<String>,
    /// From this position or time on
    #[arg(long, value_name = "P|TIME")]
    pub from: Option<String>,
    /// Up to this position or time
    #[arg(long, value_name = "P|TIME")]
    pub to: Option<String>,
    /// Only this patient's events
    #[arg(long, value_name = "ID")]
    pub patient: Option<Uuid>,
    /// How the events are written
    #[arg(long, default_value = "ndjson")]
    pub format: ReplayFormat,
    /// With names and all; needs the right and is recorded
    #[arg(long, conflicts_with = "deidentified")]
    pub identified: bool,
    /// Without anything that identifies a person (the default)
    #[arg(long)]
    pub deidentified: bool,
    /// Where to; `-` is standard output
    #[arg(long, value_name = "PATH|-")]
    pub out: PathBuf,
}

/// How replayed events are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReplayFormat {
    /// One JSON object a line
    Ndjson,
}

/// `projection`
#[derive(Subcommand)]
pub enum Projection {
    /// How far each read model has come
    List,
    /// Build a read model anew beside the live one, compare, swap
    Rebuild(ProjectionRebuild),
    /// Go back to the tables that were read before the last rebuild or change of definition, once they have caught up
    Rollback {
        /// Which
        name: String,
    },
    /// Drop the tables that are kept to go back to
    DropKept {
        /// Which
        name: String,
    },
    /// Streams that wait behind an event that can't be opened, decoded or applied
    #[command(subcommand)]
    Park(Park),
}

/// `projection rebuild`
#[derive(Args)]
pub struct ProjectionRebuild {
    /// Which
    pub name: String,
    /// Stop at a position or time (RFC 3339): print the digest of what was then, and change nothing
    #[arg(long, value_name = "P|T", conflicts_with = "replace")]
    pub to: Option<String>,
    /// Take the new tables even if they differ from the live ones, which are damaged then
    #[arg(long)]
    pub replace: bool,
}

/// `projection park`
#[derive(Subcommand)]
pub enum Park {
    /// What is parked, by which read model, since when and why
    List,
    /// What waits of a parked stream, and what helps
    Show(ParkedStream),
    /// Have parked streams tried again; says what became of it
    Retry(ParkRetry),
    /// Go on without the event that can't be taken; says why in the log, and has the rest tried again
    Skip(ParkSkip),
}

/// A parked stream.
#[derive(Args)]
pub struct ParkedStream {
    /// Its id: a patient's, an appointment's, …
    #[arg(value_name = "ID")]
    pub id: Uuid,
    /// Only where this read model has parked it
    #[arg(long, value_name = "NAME")]
    pub projection: Option<String>,
}

/// `projection park retry`
#[derive(Args)]
pub struct ParkRetry {
    /// The stream's id
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<Uuid>,
    /// Every parked stream
    #[arg(long)]
    pub all: bool,
    /// Only where this read model has parked it
    #[arg(long, value_name = "NAME")]
    pub projection: Option<String>,
    /// How many seconds to wait for what becomes of it
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
}

/// `projection park skip`
#[derive(Args)]
pub struct ParkSkip {
    /// The stream.
    #[command(flatten)]
    pub stream: ParkedStream,
    /// Why nobody waits for the event to be mended; kept in the log, sealed
    #[arg(long, value_name = "R")]
    pub reason: String,
    /// How many seconds to wait for what becomes of it
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,
}

/// `reactor`
#[derive(Subcommand)]
pub enum Reactor {
    /// How far each has looked, and what it has to do
    List,
    /// What is still to be done, how often it was tried, and why it failed
    Outbox,
    /// Try again at once what failed
    Retry {
        /// Whose
        #[arg(value_name = "NAME")]
        name: String,
        /// Only what the event at this position asks for
        #[arg(value_name = "POSITION")]
        position: Option<u64>,
    },
}

/// `keys`
#[derive(Subcommand)]
pub enum Keys {
    /// Every key: whose, for what, since when; never the key
    List,
}

/// `account`
#[derive(Subcommand)]
pub enum Account {
    /// Make the first administrator, only while there is no account
    Create(AccountCreate),
}

/// `account create`
#[derive(Args)]
pub struct AccountCreate {
    /// The address to sign in with
    #[arg(long)]
    pub email: String,
    /// What the person is called
    #[arg(long, default_value = "Administrator")]
    pub name: String,
    /// Read the password from standard input; otherwise one is made and shown once
    #[arg(long)]
    pub password_stdin: bool,
}
