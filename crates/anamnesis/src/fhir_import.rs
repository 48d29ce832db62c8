//! How do files of FHIR resources become commands that were carried out, once?
//!
//! The mapping is `anamnesis-fhir`'s; here files are read, commands go through the bus, and a report is kept. Each
//! command's id comes from the resource's, so an import that was killed is simply run again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use anamnesis_domain::appointment::{Appointment, AppointmentCommand};
use anamnesis_domain::facility::{Facility, FacilityCommand};
use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::provider::{Provider, ProviderCommand};
use anamnesis_domain::record::{Record, RecordCommand};
use anamnesis_domain::system::{ImportCount, ImportFinished, ImportOutcome, ImportStarted, System, SystemCommand, SystemEvent};
use anamnesis_domain::{AccountId, Aggregate, Instant, Line, PatientId, Refusal, Sha256, Text};
use anamnesis_fhir::{Bundle, Command, Entry, EntryError, Plan, Planned, PlannedCommand, Resolver};
use anamnesis_journal::{Caller, CommandError, Committed};
use anamnesis_vault::IndexKeys;
use anyhow::{Context, anyhow};
use flate2::read::GzDecoder;
use futures::StreamExt;
use futures::stream;
use indicatif::ProgressBar;
use serde::Serialize;
use sha2::Digest as _;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::installation::Installation;
use crate::tenant::host_caller;

/// Entries in work at once: they share the journal's batches.
const AT_ONCE: usize = 64;
/// A file larger than this, unpacked, is refused: its entries are in memory at once.
const LARGEST_FILE: u64 = 1 << 30;
/// Where resources come from when nothing in them says so.
const SOURCE: &str = "fhir";

/// A file that was read, packed or not.
pub(crate) struct Source {
    name: String,
    bytes: Vec<u8>,
}

impl Source {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Ok(Self::of(path.display().to_string(), bytes))
    }

    /// A file that is in memory.
    pub(crate) fn of(name: String, bytes: Vec<u8>) -> Self {
        Self { name, bytes }
    }

    /// Unpacked if its name ends with `.gz`; otherwise the reason why it can't be.
    fn unpack(self) -> Result<Self, (String, &'static str)> {
        if Path::new(&self.name).extension().is_none_or(|suffix| !suffix.eq_ignore_ascii_case("gz")) {
            return Ok(self);
        }
        let mut unpacked = Vec::new();
        match GzDecoder::new(self.bytes.as_slice()).take(LARGEST_FILE + 1).read_to_end(&mut unpacked) {
            Ok(length) if length as u64 <= LARGEST_FILE => Ok(Self { bytes: unpacked, ..self }),
            Ok(_) => Err((self.name, "it is larger than 1 GiB unpacked: split it")),
            Err(_) => Err((self.name, "it is no gzip file, or not a whole one")),
        }
    }
}

/// What an import did.
#[derive(Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) files: usize,
    pub(crate) new_events: u64,
    pub(crate) types: BTreeMap<String, Count>,
    pub(crate) errors: Vec<Failed>,
}

/// What became of the resources of one type.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) entries: u64,
    pub(crate) new: u64,
    pub(crate) known: u64,
    pub(crate) failed: u64,
    pub(crate) not_imported: u64,
}

/// An entry that couldn't be imported. Says where and why, never what is in it.
#[derive(Serialize)]
pub(crate) struct Failed {
    file: String,
    entry: usize,
    resource_type: Option<String>,
    path: String,
    reason: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, entry, resource_type, path, reason } = self;
        write!(f, "{file}, entry {entry} ({})", resource_type.as_deref().unwrap_or("unknown"))?;
        if path.is_empty() { write!(f, ": {reason}") } else { write!(f, ", {path}: {reason}") }
    }
}

/// Carries out what follows from files.
pub(crate) struct Importer<'a> {
    installation: &'a Installation,
    organization: Uuid,
    index: IndexKeys,
    bar: ProgressBar,
    summary: Summary,
    known_patients: Mutex<HashMap<PatientId, bool>>,
}

/// What became of one entry.
enum Became {
    New(u64),
    Known,
    NotImported,
    Failed { path: String, reason: String },
}

impl<'a> Importer<'a> {
    pub(crate) async fn new(installation: &'a Installation, organization: Uuid, bar: ProgressBar) -> anyhow::Result<Self> {
        let index = installation.vault.index(organization).await.context("open the organization's index key")?;
        Ok(Self { installation, organization, index, bar, summary: Summary::default(), known_patients: Mutex::default() })
    }

    /// Imports the files, those first that others refer to.
    pub(crate) async fn import(&mut self, sources: Vec<Source>) -> anyhow::Result<Summary> {
        let index = self.index.clone();
        let derive = move |source: &str, resource_type: &str, id: &str| index.command_id(source, resource_type, id);
        let source = Line::try_from(SOURCE).map_err(|error| anyhow!("the source {error}"))?;
        let mut resolver = Resolver::new(source, derive);
        let mut bundles = Vec::new();
        self.summary.files = sources.len();
        let sources = self.unpacked(sources);
        for file in &sources {
            match Bundle::read(&file.bytes) {
                Ok(bundle) => {
                    resolver.learn(&bundle);
                    self.bar.inc_length(bundle.len() as u64);
                    bundles.push((file, bundle));
                }
                Err(unreadable) => self.fail(&file.name, 0, None, String::new(), unreadable.to_string()),
            }
        }
        bundles.sort_by_key(|(_, bundle)| bundle.rank());
        for (file, bundle) in &bundles {
            self.file(file, bundle, &resolver).await?;
        }
        self.summary.errors.sort_by(|one, other| (&one.file, one.entry).cmp(&(&other.file, other.entry)));
        Ok(std::mem::take(&mut self.summary))
    }

    /// What can't be unpacked is reported, and the others go in.
    fn unpacked(&mut self, sources: Vec<Source>) -> Vec<Source> {
        let mut unpacked = Vec::with_capacity(sources.len());
        for source in sources {
            match source.unpack() {
                Ok(source) => unpacked.push(source),
                Err((name, reason)) => self.fail(&name, 0, None, String::new(), reason.to_owned()),
            }
        }
        unpacked
    }

    async fn file(&mut self, file: &Source, bundle: &Bundle<'_>, resolver: &Resolver<'_>) -> anyhow::Result<()> {
        self.bar.set_message(Path::new(&file.name).file_name().unwrap_or_default().to_string_lossy().into_owned());
        if self.bar.is_hidden() {
            tracing::info!(entries = bundle.len(), "importing {} entries", bundle.len());
        }
        let sha256 = Sha256::try_from(hex::encode(sha2::Sha256::digest(&file.bytes))).map_err(|error| anyhow!("the file's digest {error}"))?;
        let started = ImportStarted {
            started_at: self.caller(Uuid::nil()).now,
            format: Line::try_from("FHIR R4").map_err(|error| anyhow!("the format {error}"))?,
            sha256: sha256.clone(),
            size_bytes: file.bytes.len() as u64,
        };
        self.tell("started", &sha256, started.into()).await?;
        let before = self.summary.types.clone();
        let scope = resolver.scope(bundle);
        let now = self.caller(Uuid::nil()).now;
        let planned: Vec<_> = bundle.entries().into_iter().map(|entry| (entry, scope.plan(entry, now))).collect();
        for tier in tiers(planned) {
            let became: Vec<_> = stream::iter(tier).map(|lane| self.lane(lane)).buffer_unordered(AT_ONCE).collect().await;
            for (entry, became) in became.into_iter().flatten() {
                self.count(&file.name, entry, became);
            }
        }
        let finished = self.finished(sha256.clone(), &before)?;
        self.tell("finished", &sha256, finished.into()).await
    }

    /// Entries that must keep their order, one after another.
    async fn lane<'e>(&self, lane: Vec<Step<'e>>) -> Vec<(&'e Entry<'e>, Became)> {
        let mut became = Vec::with_capacity(lane.len());
        for (entry, planned) in lane {
            became.push((entry, self.entry(entry, planned).await));
            self.bar.inc(1);
        }
        became
    }

    async fn entry(&self, entry: &Entry<'_>, planned: Result<Planned, EntryError>) -> Became {
        let plan = match planned {
            Ok(Planned::Commands(plan)) => plan,
            Ok(Planned::NotImported { .. }) => return Became::NotImported,
            Err(error) => return Became::Failed { path: error.path, reason: error.reason },
        };
        match self.carry_out(entry, plan).await {
            Ok(0) => Became::Known,
            Ok(new) => Became::New(new),
            Err((path, reason)) => Became::Failed { path, reason },
        }
    }

    /// The number of new events, or the field and the reason.
    async fn carry_out(&self, entry: &Entry<'_>, plan: Plan) -> Result<u64, (String, String)> {
        if let Some(patient) = plan.patient
            && !self.is_known(patient).await?
        {
            return Err(("subject".to_owned(), "refers to a patient who isn't here".to_owned()));
        }
        let mut new = 0;
        for planned in plan.commands {
            let mut caller = self.caller(planned.command_id);
            caller.request = entry.json().unwrap_or_default().as_bytes().to_vec();
            new += self.execute(planned, &caller).await.map_err(|reason| (String::new(), reason))?;
        }
        Ok(new)
    }

    async fn is_known(&self, patient: PatientId) -> Result<bool, (String, String)> {
        let mut known = self.known_patients.lock().await;
        if let Some(known) = known.get(&patient) {
            return Ok(*known);
        }
        let found = self.installation.journal.load::<Patient>(self.organization, patient.0).await;
        let found = found.map_err(|error| (String::new(), error.to_string()))?.is_some();
        if found {
            known.insert(patient, true);
        }
        Ok(found)
    }

    async fn execute(&self, planned: PlannedCommand, caller: &Caller) -> Result<u64, String> {
        match self.send(planned.aggregate_id, planned.command.clone(), caller).await {
            Err(NotSent::Changed) => self.update(planned, caller).await,
            sent => sent.map_err(|error| error.to_string()),
        }
    }

    /// The resource was imported before and says something else now: what it became is changed, once for each content.
    async fn update(&self, planned: PlannedCommand, caller: &Caller) -> Result<u64, String> {
        let content = hex::encode(sha2::Sha256::digest(&caller.request));
        let mut new = 0;
        for (number, change) in changes(planned.command, caller.now)?.into_iter().enumerate() {
            let source = format!("{}#{number}", planned.command_id);
            let caller = Caller { command_id: self.index.command_id("import-change", &source, &content), ..caller.clone() };
            new += self.send(planned.aggregate_id, change, &caller).await.map_err(|error| error.to_string())?;
        }
        Ok(new)
    }

    async fn send(&self, id: Uuid, command: Command, caller: &Caller) -> Result<u64, NotSent> {
        match command {
            Command::Patient(command) => self.run::<Patient>(id, matches!(command, PatientCommand::Register { .. }), command, caller).await,
            Command::Provider(command) => self.run::<Provider>(id, matches!(command, ProviderCommand::Register { .. }), command, caller).await,
            Command::Facility(command) => self.run::<Facility>(id, matches!(command, FacilityCommand::Register { .. }), command, caller).await,
            Command::Appointment(command) => {
                let begins = matches!(command, AppointmentCommand::Schedule { .. } | AppointmentCommand::RecordVisit { .. });
                self.run::<Appointment>(id, begins, command, caller).await
            }
            Command::Record(command) => self.run::<Record>(id, matches!(command, RecordCommand::Create { .. }), command, caller).await,
        }
    }

    async fn run<A: Aggregate>(&self, id: Uuid, begins: bool, command: A::Command, caller: &Caller) -> Result<u64, NotSent> {
        let journal = &self.installation.journal;
        let ran = if begins { journal.create::<A>(id, command, caller).await } else { journal.execute::<A>(id, command, caller, None).await };
        new_events(ran)
    }

    fn count(&mut self, file: &str, entry: &Entry<'_>, became: Became) {
        let count = self.summary.types.entry(entry.resource_type().unwrap_or("unknown").to_owned()).or_default();
        count.entries += 1;
        match became {
            Became::New(events) => {
                count.new += 1;
                self.summary.new_events += events;
            }
            Became::Known => count.known += 1,
            Became::NotImported => count.not_imported += 1,
            Became::Failed { path, reason } => {
                count.failed += 1;
                self.fail(file, entry.index(), entry.resource_type(), path, reason);
            }
        }
    }

    fn fail(&mut self, file: &str, entry: usize, resource_type: Option<&str>, path: String, reason: String) {
        self.summary.errors.push(Failed { file: file.to_owned(), entry, resource_type: resource_type.map(str::to_owned), path, reason });
    }

    fn finished(&self, sha256: Sha256, before: &BTreeMap<String, Count>) -> anyhow::Result<ImportFinished> {
        let counts = self.summary.types.iter().map(|(resource_type, count)| {
            let before = before.get(resource_type).copied().unwrap_or_default();
            Ok(ImportCount {
                resource_type: Line::try_from(resource_type.as_str()).map_err(|error| anyhow!("a type {error}"))?,
                added: count.new - before.new,
                unchanged: count.known - before.known,
                refused: count.failed - before.failed,
            })
        });
        let counts = counts.filter(|count| count.as_ref().map_or(true, |c| c.added + c.unchanged + c.refused > 0)).collect::<anyhow::Result<_>>()?;
        Ok(ImportFinished { finished_at: self.caller(Uuid::nil()).now, sha256, outcome: ImportOutcome::Completed, counts })
    }

    /// Tells once for each file, by its content, however often it is imported.
    async fn tell(&mut self, what: &str, sha256: &Sha256, event: SystemEvent) -> anyhow::Result<()> {
        let caller = self.caller(self.index.command_id("import", what, sha256.as_str()));
        let told = self.installation.journal.execute::<System>(self.organization, SystemCommand::Tell(event), &caller, None).await;
        self.summary.new_events += new_events(told).context("record the import")?;
        Ok(())
    }

    fn caller(&self, command_id: Uuid) -> Caller {
        host_caller(self.organization, AccountId::COMMAND_LINE, command_id)
    }
}

type Step<'e> = (&'e Entry<'e>, Result<Planned, EntryError>);

/// Entries of one kind that may go side by side, but for those of one stream: they share a lane, in which order is kept.
#[derive(Default)]
struct Tier<'e> {
    kind: &'e str,
    lanes: Vec<Vec<Step<'e>>>,
    lane_of_stream: HashMap<Uuid, usize>,
}

impl<'e> Tier<'e> {
    fn add(&mut self, step: Step<'e>) {
        let new = self.lanes.len();
        let lane = shared_stream(&step.1).map_or(new, |stream| *self.lane_of_stream.entry(stream).or_insert(new));
        if lane == new {
            self.lanes.push(Vec::new());
        }
        self.lanes[lane].push(step);
    }
}

/// What goes one after another: entries that others need come first.
fn tiers(planned: Vec<Step<'_>>) -> Vec<Vec<Vec<Step<'_>>>> {
    let mut tiers: Vec<Tier<'_>> = Vec::new();
    for step in planned {
        let kind = if needed_by_others(step.0) { step.0.resource_type().unwrap_or_default() } else { "" };
        match tiers.last_mut() {
            Some(last) if last.kind == kind => last.add(step),
            _ => {
                let mut next = Tier { kind, ..Tier::default() };
                next.add(step);
                tiers.push(next);
            }
        }
    }
    tiers.into_iter().map(|tier| tier.lanes).collect()
}

fn needed_by_others(entry: &Entry<'_>) -> bool {
    matches!(entry.resource_type(), Some("Organization" | "Location" | "Practitioner" | "PractitionerRole" | "Patient" | "Encounter" | "Appointment"))
}

/// The stream that several entries write to: a patient's, or a provider's.
fn shared_stream(planned: &Result<Planned, EntryError>) -> Option<Uuid> {
    let Ok(Planned::Commands(plan)) = planned else { return None };
    plan.commands.iter().find(|planned| matches!(planned.command, Command::Patient(_) | Command::Provider(_))).map(|planned| planned.aggregate_id)
}

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    /// Its id stands for another content of the same resource.
    #[error("it has changed since it was imported")]
    Changed,
    /// It was refused, or the journal failed.
    #[error("{0}")]
    Failed(String),
}

/// What a resource's new content means for what its old content became.
fn changes(command: Command, now: Instant) -> Result<Vec<Command>, String> {
    let reason = || Text::try_from("changed at the source").map_err(|error| error.to_string());
    Ok(match command {
        Command::Facility(FacilityCommand::Register { id, facility, .. }) => vec![Command::Facility(FacilityCommand::Change { now, id, facility })],
        Command::Provider(ProviderCommand::Register { profile, .. }) => vec![Command::Provider(ProviderCommand::CorrectProfile { now, profile })],
        Command::Record(RecordCommand::Create { record, .. }) => vec![Command::Record(RecordCommand::Amend { now, record, reason: reason()? })],
        Command::Patient(PatientCommand::Register { patient, .. }) => vec![
            Command::Patient(PatientCommand::CorrectDemographics { now, demographics: Box::new(patient.demographics()) }),
            Command::Patient(PatientCommand::ChangeContact { now, contact: patient.contact() }),
        ],
        // entries of a history replace what stood there under the same id
        Command::Patient(
            command @ (PatientCommand::RecordCondition { .. } | PatientCommand::RecordAllergy { .. } | PatientCommand::RecordMedication { .. }),
        ) => vec![Command::Patient(command)],
        Command::Provider(command @ ProviderCommand::Affiliate { .. }) => vec![Command::Provider(command)],
        Command::Patient(_) | Command::Provider(_) | Command::Facility(_) | Command::Appointment(_) | Command::Record(_) => {
            return Err(NotSent::Changed.to_string());
        }
    })
}

/// How many events are new; none if the command had been carried out before.
fn new_events<A: Aggregate>(ran: Result<Committed<A>, CommandError<A::Error>>) -> Result<u64, NotSent> {
    match ran {
        Ok(committed) if committed.replayed => Ok(0),
        Ok(committed) => Ok(committed.events.len() as u64),
        // the same person or place, known under another of its ids
        Err(CommandError::Refused(refusal)) if refusal.rule() == "already_registered" => Ok(0),
        Err(CommandError::SameKeyOtherRequest) => Err(NotSent::Changed),
        Err(error) => Err(NotSent::Failed(error.to_string())),
    }
}
