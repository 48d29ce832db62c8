//! What is known of a model and of each of its versions?

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ModelError, ModelType};
use crate::{Confidence, Instant, InvalidValue, JsonText, Line, Sha256, Text, redact::redacted};

/// The most characters of a description.
const MAX_DESCRIPTION_CHARACTERS: usize = 4_000;
/// The most bytes of metadata.
const MAX_METADATA_BYTES: usize = 16 * 1024;
/// The most metrics of an evaluation.
const MAX_METRICS: usize = 50;

/// What a model is called: one line of up to 100 characters. Unique in its organization, whatever the case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 100))]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

impl ModelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without regard to case and to blanks around it, for claims and look-ups.
    pub fn normalised(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

impl TryFrom<String> for ModelName {
    type Error = InvalidValue;

    fn try_from(name: String) -> Result<Self, InvalidValue> {
        let line = Line::try_from(name)?;
        if line.as_str().chars().count() > 100 { Err(InvalidValue("must be at most 100 characters long")) } else { Ok(Self(line.into())) }
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

/// Which version of a model: up to 20 letters, digits or `.-_+`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9A-Za-z._+-]{1,20}$"))]
#[serde(try_from = "String", into = "String")]
pub struct ModelVersion(String);

impl ModelVersion {
    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ModelVersion {
    type Error = InvalidValue;

    fn try_from(version: String) -> Result<Self, InvalidValue> {
        let fits = (1..=20).contains(&version.len());
        if fits && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)) {
            Ok(Self(version))
        } else {
            Err(InvalidValue("must be 1 to 20 letters, digits or .-_+"))
        }
    }
}

impl From<ModelVersion> for String {
    fn from(version: ModelVersion) -> Self {
        version.0
    }
}

/// A model as it is registered.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// What it is called.
    pub name: ModelName,
    /// What kind of model.
    pub model_type: ModelType,
    /// Its first version.
    pub version: NewVersion,
}

/// A version of a model as it is registered.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// Which version.
    pub version: ModelVersion,
    /// What it is for, and for what it isn't; at most 4,000 characters.
    #[serde(default)]
    pub description: Option<Text>,
    /// Whose model: a vendor, a department.
    #[serde(default)]
    pub provider: Option<Line>,
    /// The file it is.
    #[serde(default)]
    pub artifact: Option<Artifact>,
    /// On how many examples it was trained.
    #[serde(default, with = "crate::long::optional")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_223_372_036_854_775_807_i64))]
    pub training_data_size: Option<u64>,
    /// When its training was over.
    #[serde(default)]
    pub training_completed_at: Option<Instant>,
    /// Whatever else is known of it, in its own form; at most 16 KiB.
    #[serde(default)]
    pub metadata: Option<JsonText>,
}

/// The file that a version of a model is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Where it lies.
    pub file_path: Line,
    /// What is in it.
    #[serde(default)]
    pub sha256: Option<Sha256>,
}

/// How good a version is, as measured.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Which share of its answers was right.
    #[serde(default)]
    pub accuracy_score: Option<Confidence>,
    /// Whatever else was measured; each once, and at most 50.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// On which data.
    #[serde(default)]
    pub dataset: Option<Line>,
    /// On how many examples.
    #[serde(default, with = "crate::long::optional")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_223_372_036_854_775_807_i64))]
    pub dataset_size: Option<u64>,
}

/// One thing that was measured.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What: `auroc`, `f1`, `rmse`.
    pub name: Line,
    /// How much.
    pub value: f64,
}

redacted!(NewModel, NewVersion, Artifact, Evaluation, Metric);

impl NewVersion {
    pub(super) fn check(&self, now: Instant) -> Result<(), ModelError> {
        if self.training_completed_at.is_some_and(|end| end > now) {
            return Err(ModelError::TrainedLater);
        }
        let is_long = self.description.as_ref().is_some_and(|text| text.as_str().chars().count() > MAX_DESCRIPTION_CHARACTERS);
        let is_large = self.metadata.as_ref().is_some_and(|json| json.as_str().len() > MAX_METADATA_BYTES);
        if is_long || is_large { Err(ModelError::TooLarge) } else { Ok(()) }
    }
}

impl Evaluation {
    pub(super) fn check(&self) -> Result<(), ModelError> {
        if self.accuracy_score.is_none() && self.metrics.is_empty() {
            return Err(ModelError::NothingMeasured);
        }
        let names: BTreeSet<_> = self.metrics.iter().map(|metric| &metric.name).collect();
        if names.len() < self.metrics.len() || self.metrics.len() > MAX_METRICS {
            return Err(ModelError::MeasuredTwice);
        }
        if self.metrics.iter().all(|metric| metric.value.is_finite()) { Ok(()) } else { Err(ModelError::NotANumber) }
    }
}
