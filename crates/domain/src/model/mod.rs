//! Which AI models are there, in which versions, and which version of each is in use?
//! `Absent → Registered`; each version `REGISTERED ⇄ ACTIVE`, and from either `→ RETIRED`
//!
//! A stream is a model, by its name, with all of its versions; so that one version at most is active is a rule on one state, and needs
//! nobody's help.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Aggregate, Instant, Reservation, Subject, Text, choices::choices, events::events, redact::redacted, refusal::refusals};

mod payloads;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use payloads::{Artifact, Evaluation, Metric, ModelName, ModelVersion, NewModel, NewVersion};

events! {
    /// What can have happened to a model.
    pub enum ModelEvent {
        ModelRegistered(ModelRegistered) = 1,
        ModelVersionRegistered(ModelVersionRegistered) = 1,
        ModelVersionEvaluated(ModelVersionEvaluated) = 1,
        ModelVersionActivated(ModelVersionActivated) = 1,
        ModelVersionRetired(ModelVersionRetired) = 1,
    }
}

/// A model was named; its first version follows.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRegistered {
    /// What it is called; nothing else in the organization is.
    pub name: ModelName,
    /// What kind of model.
    pub model_type: ModelType,
    /// When.
    pub registered_at: Instant,
}

/// A version of it is there, and not in use.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersionRegistered {
    /// The version.
    pub version: NewVersion,
    /// When.
    pub registered_at: Instant,
}

/// It was measured how good a version is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersionEvaluated {
    /// Which version.
    pub version: ModelVersion,
    /// What was measured.
    pub evaluation: Evaluation,
    /// When that was told.
    pub evaluated_at: Instant,
}

/// A version is in use from now on, and the one before it isn't.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersionActivated {
    /// Which version.
    pub version: ModelVersion,
    /// The one that was in use until now; it can be activated again.
    pub replaces: Option<ModelVersion>,
    /// When.
    pub activated_at: Instant,
}

/// A version isn't in use any more, and never again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersionRetired {
    /// Which version.
    pub version: ModelVersion,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub retired_at: Instant,
}

redacted!(ModelRegistered, ModelVersionRegistered, ModelVersionEvaluated, ModelVersionActivated, ModelVersionRetired);

choices! {
    /// What kind of model: the mining functions of PMML 4.4, the tasks that ISO/IEC 23053 names beside them, and language models.
    pub enum ModelType {
        Classification = "CLASSIFICATION",
        Regression = "REGRESSION",
        Clustering = "CLUSTERING",
        TimeSeries = "TIME_SERIES",
        AssociationRules = "ASSOCIATION_RULES",
        Sequences = "SEQUENCES",
        Mixed = "MIXED",
        AnomalyDetection = "ANOMALY_DETECTION",
        DimensionalityReduction = "DIMENSIONALITY_REDUCTION",
        LanguageModel = "LANGUAGE_MODEL",
        Other = "OTHER",
    }
}

choices! {
    /// Where a version is on its way.
    pub enum ModelStatus {
        Registered = "REGISTERED",
        Active = "ACTIVE",
        Retired = "RETIRED",
    }
}

/// A model's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Model {
    /// Not registered yet.
    #[default]
    Absent,
    /// There, with its versions.
    Registered {
        /// Each version's state.
        versions: BTreeMap<ModelVersion, VersionState>,
    },
}

/// A version's state.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionState {
    /// Where it is on its way.
    status: ModelStatus,
    /// What was measured last.
    evaluation: Option<Evaluation>,
}

redacted!(Model, VersionState);

/// What can be asked of a model. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum ModelCommand {
    /// Add it, with its first version.
    Register { now: Instant, model: Box<NewModel> },
    /// Add a version.
    RegisterVersion { now: Instant, version: Box<NewVersion> },
    /// Tell how good a version is.
    RecordEvaluation { now: Instant, version: ModelVersion, evaluation: Evaluation },
    /// Use a version instead of the one in use.
    Activate { now: Instant, version: ModelVersion },
    /// Use a version never again.
    Retire { now: Instant, version: ModelVersion, reason: Option<Text> },
}

redacted!(ModelCommand);

refusals! {
    /// Which rule on models says no.
    pub enum ModelError {
        AlreadyRegistered = "already_registered", State, "this model is already registered";
        NotRegistered = "not_registered", State, "this model isn't registered";
        VersionExists = "version_exists", State, "this model has such a version already: what is registered isn't changed";
        NoSuchVersion = "no_such_version", State, "this model has no such version";
        VersionRetired = "version_retired", State, "this version is retired; register another";
        TooManyVersions = "too_many_versions", State, "a model may have at most 200 versions; register one of another name";
        TrainedLater = "trained_later", Request(training_completed_at), "training_completed_at must not lie in the future";
        TooLarge = "too_large", Request(description), "description may have at most 4,000 characters, metadata at most 16 KiB";
        NothingMeasured = "nothing_measured", Request(metrics), "an evaluation must have an accuracy_score or a metric";
        MeasuredTwice = "measured_twice", Request(metrics), "metrics may name each metric once, and at most 50";
        NotANumber = "not_a_number", Request(metrics), "each metric's value must be a finite number";
    }
}

impl Aggregate for Model {
    const TYPE: &'static str = "model";
    const TOPIC: &'static str = "ai-events";
    type Command = ModelCommand;
    type Event = ModelEvent;
    type Error = ModelError;

    fn decide(&self, command: ModelCommand) -> Decision {
        match command {
            ModelCommand::Register { now, model } => self.register(now, *model),
            ModelCommand::RegisterVersion { now, version } => self.register_version(now, *version),
            ModelCommand::RecordEvaluation { now, version, evaluation } => self.record_evaluation(now, version, evaluation),
            ModelCommand::Activate { now, version } => self.activate(now, version),
            ModelCommand::Retire { now, version, reason } => self.retire(now, version, reason),
        }
    }

    fn evolve(self, event: &ModelEvent) -> Self {
        let Self::Registered { mut versions } = self else {
            return match event {
                ModelEvent::ModelRegistered(_) => Self::Registered { versions: BTreeMap::new() },
                ModelEvent::ModelVersionRegistered(_)
                | ModelEvent::ModelVersionEvaluated(_)
                | ModelEvent::ModelVersionActivated(_)
                | ModelEvent::ModelVersionRetired(_) => self,
            };
        };
        let mut change = |version: &ModelVersion, status| {
            if let Some(state) = versions.get_mut(version) {
                state.status = status;
            }
        };
        match event {
            ModelEvent::ModelVersionActivated(activated) => {
                activated.replaces.iter().for_each(|replaced| change(replaced, ModelStatus::Registered));
                change(&activated.version, ModelStatus::Active);
            }
            ModelEvent::ModelVersionRetired(retired) => change(&retired.version, ModelStatus::Retired),
            ModelEvent::ModelVersionRegistered(ModelVersionRegistered { version, .. }) => {
                versions.insert(version.version.clone(), VersionState { status: ModelStatus::Registered, evaluation: None });
            }
            ModelEvent::ModelVersionEvaluated(evaluated) => {
                if let Some(state) = versions.get_mut(&evaluated.version) {
                    state.evaluation = Some(evaluated.evaluation.clone());
                }
            }
            // it is registered once
            ModelEvent::ModelRegistered(_) => {}
        }
        Self::Registered { versions }
    }

    fn subject(&self, _id: Uuid, _event: &ModelEvent) -> Subject {
        Subject::Models
    }

    fn reservations(&self, _id: Uuid, event: &ModelEvent) -> Vec<Reservation> {
        match event {
            ModelEvent::ModelRegistered(registered) => vec![Reservation::Claim { kind: "model-name", value: registered.name.normalised() }],
            ModelEvent::ModelVersionRegistered(_)
            | ModelEvent::ModelVersionEvaluated(_)
            | ModelEvent::ModelVersionActivated(_)
            | ModelEvent::ModelVersionRetired(_) => vec![],
        }
    }
}

/// The most versions a model may have: its state names each.
const MAX_VERSIONS: usize = 200;

type Decision = Result<Vec<ModelEvent>, ModelError>;

impl Model {
    /// The version in use.
    pub fn active(&self) -> Option<&ModelVersion> {
        let Self::Registered { versions } = self else { return None };
        versions.iter().find(|(_, state)| state.status == ModelStatus::Active).map(|(version, _)| version)
    }

    fn versions(&self) -> Result<&BTreeMap<ModelVersion, VersionState>, ModelError> {
        match self {
            Self::Absent => Err(ModelError::NotRegistered),
            Self::Registered { versions } => Ok(versions),
        }
    }

    fn version(&self, version: &ModelVersion) -> Result<&VersionState, ModelError> {
        self.versions()?.get(version).ok_or(ModelError::NoSuchVersion)
    }

    fn register(&self, now: Instant, NewModel { name, model_type, version }: NewModel) -> Decision {
        if *self != Self::Absent {
            return Err(ModelError::AlreadyRegistered);
        }
        version.check(now)?;
        let registered = ModelRegistered { name, model_type, registered_at: now };
        Ok(vec![registered.into(), ModelVersionRegistered { version, registered_at: now }.into()])
    }

    fn register_version(&self, now: Instant, version: NewVersion) -> Decision {
        let versions = self.versions()?;
        if versions.contains_key(&version.version) {
            return Err(ModelError::VersionExists);
        }
        if versions.len() >= MAX_VERSIONS {
            return Err(ModelError::TooManyVersions);
        }
        version.check(now)?;
        Ok(vec![ModelVersionRegistered { version, registered_at: now }.into()])
    }

    /// A retired version is measured too: how it did is asked for long after.
    fn record_evaluation(&self, now: Instant, version: ModelVersion, evaluation: Evaluation) -> Decision {
        let known = self.version(&version)?;
        evaluation.check()?;
        if known.evaluation.as_ref() == Some(&evaluation) {
            return Ok(vec![]);
        }
        Ok(vec![ModelVersionEvaluated { version, evaluation, evaluated_at: now }.into()])
    }

    fn activate(&self, now: Instant, version: ModelVersion) -> Decision {
        match self.version(&version)?.status {
            ModelStatus::Registered => Ok(vec![ModelVersionActivated { version, replaces: self.active().cloned(), activated_at: now }.into()]),
            ModelStatus::Active => Ok(vec![]),
            ModelStatus::Retired => Err(ModelError::VersionRetired),
        }
    }

    fn retire(&self, now: Instant, version: ModelVersion, reason: Option<Text>) -> Decision {
        match self.version(&version)?.status {
            ModelStatus::Registered | ModelStatus::Active => Ok(vec![ModelVersionRetired { version, reason, retired_at: now }.into()]),
            ModelStatus::Retired => Ok(vec![]),
        }
    }
}
