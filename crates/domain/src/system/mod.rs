//! What did those who run the system do? A diary: acts stand side by side, none forbids another.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccountId, Aggregate, Instant, Line, Sha256, Subject, Text, choices::choices, events::events, redact::redacted, refusal::refusals};

#[cfg(test)]
mod tests;

/// How many entries a list of such an act may have.
pub const MAX_ENTRIES: usize = 1_000;

/// The stream of the signs of life, apart from what people do.
pub const CANARY: Uuid = Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0003);

events! {
    /// What can have been done to the system.
    pub enum SystemEvent {
        AdministratorCreated(AdministratorCreated) = 1,
        KeysRotated(KeysRotated) = 1,
        ImportStarted(ImportStarted) = 1,
        ImportFinished(ImportFinished) = 1,
        ProjectionRebuilt(ProjectionRebuilt) = 2 from { 1 => ProjectionRebuiltV1 },
        ConfigurationChanged(ConfigurationChanged) = 1,
        CanaryBeat(CanaryBeat) = 1,
        VerificationRan(VerificationRan) = 1,
        EventSkipped(EventSkipped) = 1,
    }
}

/// An account with every right was made on the host, outside the API.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AdministratorCreated {
    /// When.
    pub created_at: Instant,
    /// Whose account.
    pub account_id: AccountId,
}

/// Keys were replaced by newer ones.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct KeysRotated {
    /// When.
    pub rotated_at: Instant,
    /// Which keys.
    pub purpose: KeyPurpose,
    /// Whose data key, if only one subject's.
    pub subject_id: Option<Uuid>,
    /// The version in use from now on.
    pub version: u32,
    /// How many keys were wrapped again.
    #[serde(with = "crate::long")]
    pub rewrapped: u64,
}

choices! {
    /// Which keys.
    pub enum KeyPurpose {
        KeyEncryption = "KEY_ENCRYPTION",
        Data = "DATA",
        Index = "INDEX",
        Audit = "AUDIT",
        Models = "MODELS",
        Digest = "DIGEST",
        Cache = "CACHE",
        Object = "OBJECT",
        Backup = "BACKUP",
        Signing = "SIGNING",
    }
}

/// A file is being read in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportStarted {
    /// When.
    pub started_at: Instant,
    /// How the file is written: `FHIR R4`.
    pub format: Line,
    /// Of the file as it is; its name isn't kept, because it may be a patient's.
    pub sha256: Sha256,
    /// Its size.
    #[serde(with = "crate::long")]
    pub size_bytes: u64,
}

/// A file has been read in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportFinished {
    /// When.
    pub finished_at: Instant,
    /// The file's.
    pub sha256: Sha256,
    /// How it ended.
    pub outcome: ImportOutcome,
    /// What became of each type's resources.
    pub counts: Vec<ImportCount>,
}

choices! {
    /// How an import ended: at the end of the file, or given up before.
    pub enum ImportOutcome {
        Completed = "COMPLETED",
        Stopped = "STOPPED",
    }
}

/// What became of the resources of one type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCount {
    /// `Patient`, `Observation`, …
    pub resource_type: Line,
    /// How many came in.
    #[serde(with = "crate::long")]
    pub added: u64,
    /// How many were there already.
    #[serde(with = "crate::long")]
    pub unchanged: u64,
    /// How many were refused.
    #[serde(with = "crate::long")]
    pub refused: u64,
}

/// A read model was computed anew, or earlier tables of it were put in its place.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectionRebuilt {
    /// When it took the old one's place.
    pub rebuilt_at: Instant,
    /// Which.
    pub projection: Line,
    /// From which events: the log up to here.
    #[serde(with = "crate::long")]
    pub position: u64,
    /// How many events were folded.
    #[serde(with = "crate::long")]
    pub folded_events: u64,
    /// How long it took.
    #[serde(with = "crate::long")]
    pub duration_ms: u64,
    /// Of the rows.
    pub digest: Option<Sha256>,
    /// What was done.
    pub act: RebuildAct,
}

choices! {
    /// What became of the tables that were read: others took their place that said the same, or whatever they said; or
    /// those that were read before.
    pub enum RebuildAct {
        Rebuilt = "REBUILT",
        Replaced = "REPLACED",
        RolledBack = "ROLLED_BACK",
    }
}

/// As it was told before there was another way than to compute it anew and compare.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "ProjectionRebuilt")]
pub struct ProjectionRebuiltV1 {
    rebuilt_at: Instant,
    projection: Line,
    #[serde(with = "crate::long")]
    position: u64,
    #[serde(with = "crate::long")]
    folded_events: u64,
    #[serde(with = "crate::long")]
    duration_ms: u64,
    digest: Option<Sha256>,
}

impl From<ProjectionRebuiltV1> for ProjectionRebuilt {
    fn from(old: ProjectionRebuiltV1) -> Self {
        let ProjectionRebuiltV1 { rebuilt_at, projection, position, folded_events, duration_ms, digest } = old;
        Self { rebuilt_at, projection, position, folded_events, duration_ms, digest, act: RebuildAct::Rebuilt }
    }
}

/// A read model goes on without an event that it couldn't take.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSkipped {
    /// When.
    pub skipped_at: Instant,
    /// Which read model.
    pub projection: Line,
    /// The event: its place in the log.
    #[serde(with = "crate::long")]
    pub position: u64,
    /// The kind of its stream.
    pub aggregate_type: Line,
    /// Its stream.
    pub aggregate_id: Uuid,
    /// What was wrong with it.
    pub fault: Line,
    /// Why nobody waits for it to be mended.
    pub reason: Text,
}

/// The configuration is another than at the last start.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationChanged {
    /// When it was noticed.
    pub changed_at: Instant,
    /// What differs.
    pub settings: Vec<ChangedSetting>,
}

/// One setting that differs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSetting {
    /// Its name.
    pub name: Line,
    /// Whether its values are left out because it is a secret.
    pub secret: bool,
    /// Its value before, if it had one.
    pub before: Option<Text>,
    /// Its value now, if it has one.
    pub after: Option<Text>,
}

/// A sign of life that goes all the way from the journal to the read models.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryBeat {
    /// When.
    pub beat_at: Instant,
    /// Its number, from 1.
    #[serde(with = "crate::long")]
    pub number: u64,
}

/// The journal was checked against its proof.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationRan {
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub finished_at: Instant,
    /// What it found.
    pub outcome: VerificationOutcome,
    /// Up to where it looked.
    #[serde(with = "crate::long")]
    pub position: u64,
    /// Of the tree at that size.
    pub root: Option<Sha256>,
    /// Where the first thing is wrong.
    #[serde(with = "crate::long::optional")]
    pub first_bad_position: Option<u64>,
}

choices! {
    /// What a verification found: everything as it was written, or something missing, added or altered.
    pub enum VerificationOutcome {
        Intact = "INTACT",
        Tampered = "TAMPERED",
    }
}

redacted!(
    AdministratorCreated,
    KeysRotated,
    ImportStarted,
    ImportFinished,
    ImportCount,
    ProjectionRebuilt,
    ProjectionRebuiltV1,
    ConfigurationChanged,
    ChangedSetting,
    CanaryBeat,
    VerificationRan,
    EventSkipped,
);

/// The diary: what was told before never changes what may be told now.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct System;

/// What can be asked of the diary.
#[derive(Clone)]
pub enum SystemCommand {
    /// Write down what was done.
    Tell(SystemEvent),
}

refusals! {
    /// Which rule on the system's diary says no.
    pub enum SystemError {
        TooMany = "too_many", Request(counts), "counts and settings may have at most 1,000 entries";
        NothingChanged = "nothing_changed", Request(settings), "settings must name at least one";
        SecretTold = "secret_told", Request(settings), "a secret setting's values must be left out";
        EndsBeforeItBegins = "ends_before_it_begins", Request(finished_at), "finished_at must not lie before started_at";
        DamageUnnamed = "damage_unnamed", Request(first_bad_position), "first_bad_position must be given if, and only if, something is wrong there";
    }
}

impl Aggregate for System {
    const TYPE: &'static str = "system";
    const TOPIC: &'static str = "audit-events";
    type Command = SystemCommand;
    type Event = SystemEvent;
    type Error = SystemError;

    fn decide(&self, SystemCommand::Tell(event): SystemCommand) -> Result<Vec<SystemEvent>, SystemError> {
        match &event {
            SystemEvent::ImportFinished(import) => import.check()?,
            SystemEvent::ConfigurationChanged(changed) => changed.check()?,
            SystemEvent::VerificationRan(verification) => verification.check()?,
            SystemEvent::AdministratorCreated(_)
            | SystemEvent::KeysRotated(_)
            | SystemEvent::ImportStarted(_)
            | SystemEvent::ProjectionRebuilt(_)
            | SystemEvent::EventSkipped(_)
            | SystemEvent::CanaryBeat(_) => {}
        }
        Ok(vec![event])
    }

    fn evolve(self, _event: &SystemEvent) -> Self {
        self
    }

    fn subject(&self, _id: Uuid, _event: &SystemEvent) -> Subject {
        Subject::Audit
    }
}

impl ImportFinished {
    fn check(&self) -> Result<(), SystemError> {
        if self.counts.len() > MAX_ENTRIES { Err(SystemError::TooMany) } else { Ok(()) }
    }
}

impl ConfigurationChanged {
    fn check(&self) -> Result<(), SystemError> {
        if self.settings.is_empty() {
            return Err(SystemError::NothingChanged);
        }
        if self.settings.len() > MAX_ENTRIES {
            return Err(SystemError::TooMany);
        }
        if self.settings.iter().any(|setting| setting.secret && (setting.before.is_some() || setting.after.is_some())) {
            return Err(SystemError::SecretTold);
        }
        Ok(())
    }
}

impl VerificationRan {
    fn check(&self) -> Result<(), SystemError> {
        if self.finished_at < self.started_at {
            return Err(SystemError::EndsBeforeItBegins);
        }
        if (self.outcome == VerificationOutcome::Tampered) != self.first_bad_position.is_some() {
            return Err(SystemError::DamageUnnamed);
        }
        Ok(())
    }
}
