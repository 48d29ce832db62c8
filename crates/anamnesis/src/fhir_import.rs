//! How do files of FHIR resources become commands that were carried out, once?
//!
//! The mapping is `anamnesis-fhir`'s; here files are read, commands go through the bus ([`sending`]), and a report is
//! kept. Each command's id comes from the resource's, so an import that was killed is simply run again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use anamnesis_domain::system::{ImportCount, ImportFinished, ImportOutcome, ImportStarted, System, SystemCommand, SystemEvent};
use anamnesis_domain::{AccountId, Line, PatientId, Sha256};
use anamnesis_fhir::{Bundle, Command, Entry, EntryError, Planned, Remark, Resolver};
use anamnesis_journal::Caller;
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

mod changes;
mod sending;

use sending::{Told, answer};

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
    pub(crate) errors: Vec<Noted>,
    pub(crate) remarks: Vec<Noted>,
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

/// An entry that couldn't be imported, or a field that couldn't be taken over. Says where and why, never what is in it.
#[derive(Serialize)]
pub(crate) struct Noted {
    file: String,
    entry: usize,
    resource_type: Option<String>,
    path: String,
    reason: String,
}

impl Noted {
    fn of_entry(file: &str, entry: &Entry<'_>, Remark { path, reason }: Remark) -> Self {
        Self { file: file.to_owned(), entry: entry.index(), resource_type: entry.resource_type().map(str::to_owned), path, reason }
    }
}

impl fmt::Display for Noted {
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
    /// Whether the last entry was known.
    on_known_ground: AtomicBool,
}

/// What became of one entry.
enum Became {
    Told(Told),
    NotImported,
    Failed(Remark),
}

impl<'a> Importer<'a> {
    pub(crate) async fn new(installation: &'a Installation, organization: Uuid, bar: ProgressBar) -> anyhow::Result<Self> {
        let index = installation.vault.index(organization).await.context("open the organization's index key")?;
        Ok(Self {
            installation,
            organization,
            index,
            bar,
            summary: Summary::default(),
            known_patients: Mutex::default(),
            on_known_ground: AtomicBool::new(false),
        })
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
                Err(unreadable) => self.fail(&file.name, &unreadable.to_string()),
            }
        }
        bundles.sort_by_key(|(_, bundle)| bundle.rank());
        for (file, bundle) in &bundles {
            self.file(file, bundle, &resolver).await?;
        }
        for notes in [&mut self.summary.errors, &mut self.summary.remarks] {
            notes.sort_by(|one, other| (&one.file, one.entry).cmp(&(&other.file, other.entry)));
        }
        Ok(std::mem::take(&mut self.summary))
    }

    /// What can't be unpacked is reported, and the others go in.
    fn unpacked(&mut self, sources: Vec<Source>) -> Vec<Source> {
        let mut unpacked = Vec::with_capacity(sources.len());
        for source in sources {
            match source.unpack() {
                Ok(source) => unpacked.push(source),
                Err((name, reason)) => self.fail(&name, reason),
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
        match planned {
            Ok(Planned::Commands(plan)) => self.carry_out(entry, plan).await.map_or_else(Became::Failed, Became::Told),
            Ok(Planned::NotImported { .. }) => Became::NotImported,
            Err(EntryError { path, reason, .. }) => Became::Failed(Remark { path, reason }),
        }
    }

    fn count(&mut self, file: &str, entry: &Entry<'_>, became: Became) {
        let count = self.summary.types.entry(entry.resource_type().unwrap_or("unknown").to_owned()).or_default();
        count.entries += 1;
        match became {
            Became::Told(Told { new_events, remarks }) => {
                if new_events > 0 {
                    count.new += 1;
                } else {
                    count.known += 1;
                }
                self.summary.new_events += new_events;
                self.summary.remarks.extend(remarks.into_iter().map(|remark| Noted::of_entry(file, entry, remark)));
            }
            Became::NotImported => count.not_imported += 1,
            Became::Failed(error) => {
                count.failed += 1;
                self.summary.errors.push(Noted::of_entry(file, entry, error));
            }
        }
    }

    fn fail(&mut self, file: &str, reason: &str) {
        self.summary.errors.push(Noted { file: file.to_owned(), entry: 0, resource_type: None, path: String::new(), reason: reason.to_owned() });
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
        self.summary.new_events += answer(told).context("record the import")?.new_events();
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
